-- The one script that writes: checks token, applied and writes, then performs absolute writes.
-- KEYS    meta, redo, hits
-- ARGV    token, applied, writes (as the owner knows them), new applied, blob, need
--         blob: msgpack list of {command, key, argument...}; need: msgpack list of {shard, clean_at}
-- Returns {'OK'} | {'DONE'} (this very write happened before) | {'FENCED'} | {'ROLLED_BACK'} | {'DIRTY', shard}
-- A script that raises midway is not rolled back, so the blob is first kept whole in redo: whoever comes
-- next performs it to its end. All writes are absolute, hence repeatable. `applied` is written last.
local function perform(ops, new_applied, writes)
  for _, op in ipairs(ops) do
    redis.call(unpack(op))
  end
  redis.call('HSET', KEYS[1], 'writes', writes, 'applied', new_applied)
  redis.call('DEL', KEYS[2])
end

local held = redis.call('HMGET', KEYS[2], 'blob', 'applied', 'writes')
if held[1] then perform(cmsgpack.unpack(held[1]), held[2], held[3]) end

local now = redis.call('HMGET', KEYS[1], 'token', 'applied', 'writes')
local token, applied, writes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if now[1] ~= token then
  local stored = now[1] and tonumber(string.match(now[1], '^%d+')) or -1
  if stored < tonumber(string.match(token, '^%d+')) then return {'ROLLED_BACK'} end
  return {'FENCED'}
end
if tonumber(now[3]) < writes or tonumber(now[2]) < applied then return {'ROLLED_BACK'} end
if tonumber(now[3]) == writes + 1 then return {'DONE'} end
if tonumber(now[3]) ~= writes or tonumber(now[2]) ~= applied then return {'FENCED'} end

for _, pair in ipairs(cmsgpack.unpack(ARGV[6])) do
  local hit = redis.call('HGET', KEYS[3], pair[1])
  if hit and tonumber(hit) > pair[2] then return {'DIRTY', pair[1]} end
end

local ops = cmsgpack.unpack(ARGV[5])
for _, op in ipairs(ops) do
  if #op > 2100 then return redis.error_reply('ERR too many arguments in one write') end
end
local next_writes = string.format('%.0f', writes + 1)
redis.call('HSET', KEYS[2], 'blob', ARGV[5], 'applied', ARGV[4], 'writes', next_writes)
perform(ops, ARGV[4], next_writes)
return {'OK'}
