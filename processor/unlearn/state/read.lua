-- The one script that reads for the owner: checks like commit.lua, then answers every read of the list.
-- KEYS[1] meta
-- ARGV    token, applied, writes, blob: msgpack list of {command, key, argument...}, read commands only
-- Returns {'OK', {reply...}} | {'FENCED'} | {'ROLLED_BACK'}
local now = redis.call('HMGET', KEYS[1], 'token', 'applied', 'writes')
local token, applied, writes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if now[1] ~= token then
  local stored = now[1] and tonumber(string.match(now[1], '^%d+')) or -1
  if stored < tonumber(string.match(token, '^%d+')) then return {'ROLLED_BACK'} end
  return {'FENCED'}
end
if tonumber(now[3]) < writes or tonumber(now[2]) < applied then return {'ROLLED_BACK'} end
if tonumber(now[3]) ~= writes or tonumber(now[2]) ~= applied then return {'FENCED'} end
local replies = {}
for i, op in ipairs(cmsgpack.unpack(ARGV[4])) do replies[i] = redis.call(unpack(op)) end
return {'OK', replies}
