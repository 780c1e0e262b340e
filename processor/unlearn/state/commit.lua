-- The one script that writes: checks token, applied and writes, then performs absolute writes.
-- Behind  members.lua, change.lua, owner.lua
-- KEYS    meta, redo, hits
-- ARGV    token, applied, writes (as the owner knows them), new applied, blob, need, members
--         blob: msgpack list of {command, key, argument...}, the commands on members among them;
--         need: msgpack list of {shard, clean_at}; members: packed, as members.py says
-- Returns {'OK'} | {'DONE'} (this very write happened before) | {'FENCED'} | {'ROLLED_BACK'} | {'DIRTY', shard}
-- The writes are first kept whole in redo. All are absolute, hence repeatable. `applied` is written last.
perform_again()

local why = refusal(open_members())
if why then return {why} end

for _, pair in ipairs(cmsgpack.unpack(ARGV[6])) do
  local hit = redis.call('HGET', KEYS[3], pair[1])
  if hit and tonumber(hit) > pair[2] then return {'DIRTY', pair[1]} end
end

local wrong = malformed(cmsgpack.unpack(ARGV[5])) or not packed(ARGV[7]) and 'ERR packed members are cut short'
if wrong then return redis.error_reply(wrong) end
local next_writes = string.format('%.0f', tonumber(ARGV[3]) + 1)
redis.call('HSET', KEYS[2], 'blob', ARGV[5], 'members', ARGV[7], 'applied', ARGV[4], 'writes', next_writes)
perform(ARGV[5], ARGV[7], ARGV[4], next_writes)
return {'OK'}
