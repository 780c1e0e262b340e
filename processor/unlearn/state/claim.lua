-- Takes a partition: writes the token if nobody holds a higher one. Repeatable by its nonce.
-- Behind  members.lua, change.lua
-- KEYS    meta, redo
-- ARGV    counter, nonce, first: msgpack map of meta's fields when the partition is new, '' where it must exist,
--         owner: who claims, for people; most: a counter above it is nobody's
-- Returns {'OK'} | {'HIGHER', stored counter} | {'ABSENT'}
perform_again()

local token = ARGV[1] .. ':' .. ARGV[2]
local stored = redis.call('HMGET', KEYS[1], 'token', 'writes')
if stored[1] == token then return {'OK'} end
if not stored[2] then
  if ARGV[3] == '' then return {'ABSENT'} end
  local first = {}
  for field, value in pairs(cmsgpack.unpack(ARGV[3])) do
    first[#first + 1] = field
    first[#first + 1] = value
  end
  redis.call('HSET', KEYS[1], 'token', token, 'owner', ARGV[4], 'writes', '0',
    'old_buckets_moved', OLD, unpack(first))
  return {'OK'}
end
local counter = stored[1] and string.match(stored[1], '^%d+') or '0'
local held_by = tonumber(counter)
if held_by >= tonumber(ARGV[1]) and held_by <= tonumber(ARGV[5]) then return {'HIGHER', counter} end
redis.call('HSET', KEYS[1], 'token', token, 'owner', ARGV[4], 'writes', string.format('%.0f', tonumber(stored[2]) + 1))
return {'OK'}
