-- Reading members: four tables of small hashes: records, subjects, aliases and arrivals. Stands before each script that
-- names members.
-- A table grows by linear hashing: its last bucket is number `buckets` - 1, `low` is the highest power of two up to
-- `buckets`, and a field stands in bucket (its first four bytes, little endian) % (2 * low), or in the one `low` below
-- where that is not there yet. A member is named by 12 bytes: two that say its old bucket, then its field.
-- Members from before stand in OLD hashes of a fixed number. Those below `old` have been moved into the tables; while
-- some are left, what isn't in a table is looked for there.
-- KEYS[1] meta, which tells the prefix of all other keys
local PREFIX = string.sub(KEYS[1], 1, -5)
local OLD = 16384
local KEY_NAMES = {record = 'm', subject = 'u', alias = 'a', arrival = 'v'}
local records, subjects, aliases, arrivals, old

local function open_table(kind, old_kind, count, buckets)
  local found = {name = kind, key = PREFIX .. KEY_NAMES[kind] .. ':', old = old_kind and PREFIX .. old_kind .. ':'}
  found.count, found.buckets, found.low = tonumber(count or 0), tonumber(buckets or 1), 1
  while found.low * 2 <= found.buckets do found.low = found.low * 2 end
  return found
end

-- Reads meta. Returns {token, applied, writes}; the latter two are strings, and all are false where there is no meta.
local function open_members()
  local meta = redis.call('HMGET', KEYS[1], 'token', 'applied', 'writes', 'old_buckets_moved',
    'record_count', 'record_buckets', 'subject_count', 'subject_buckets', 'alias_count', 'alias_buckets',
    'arrival_count', 'arrival_buckets')
  old = tonumber(meta[4] or 0)
  records = open_table('record', 'r', meta[5], meta[6])
  subjects = open_table('subject', 's', meta[7], meta[8])
  aliases = open_table('alias', nil, meta[9], meta[10])
  arrivals = open_table('arrival', nil, meta[11], meta[12])
  aliases.counted, arrivals.counted = aliases.count, arrivals.count
  return meta
end

-- The number of the bucket where the field stands, if the table has buckets up to the double of `low`.
local function number_of(field, low)
  local a, b, c, d = string.byte(field, 1, 4)
  return (a + b * 256 + c * 65536 + d * 16777216) % (2 * low)
end

local function bucket_of(members, field)
  local number = number_of(field, members.low)
  if number >= members.buckets then number = number - members.low end
  return members.key .. number
end

-- The old bucket of this name, nil if it has been moved.
local function old_bucket(name)
  if old >= OLD then return nil end
  local high, low = string.byte(name, 1, 2)
  local number = (high * 256 + low) % OLD
  return number >= old and number or nil
end

local function get(members, name)
  local field = string.sub(name, 3, 12)
  local value = redis.call('HGET', bucket_of(members, field), field)
  if value or old >= OLD or not members.old then return value end
  local number = old_bucket(name)
  return number and redis.call('HGET', members.old .. number, field) or false
end

local function get_all(members, names)
  local found = {}
  for at = 1, #names, 12 do found[#found + 1] = get(members, string.sub(names, at, at + 11)) end
  return found
end

local function hex(field)
  return (string.gsub(field, '.', function(byte) return string.format('%02x', string.byte(byte)) end))
end

-- The hash that holds the record's pairs since before; nil if there is none.
local function old_pairs(name)
  local number = old_bucket(name)
  local key = number and PREFIX .. 'p:' .. number .. ':' .. hex(string.sub(name, 3, 12))
  return key and redis.call('EXISTS', key) == 1 and key or nil
end

local function pairs_of(name)
  return PREFIX .. 'p:' .. hex(string.sub(name, 3, 12))
end

local function targets_of(name)
  return PREFIX .. 't:' .. hex(string.sub(name, 3, 12))
end

local function ask_targets(op)
  return redis.call(string.sub(op[1], 9), targets_of(op[2]), unpack(op, 3))
end

local function ask_pairs(op)
  return redis.call(string.sub(op[1], 7), old_pairs(op[2]) or pairs_of(op[2]), unpack(op, 3))
end

-- Walks the members from `place` on: the old buckets, then those of the table. Calls `take` with each old bucket's two
-- bytes and a flat list of fields and values, until `most` are taken. Returns the next place, -1 at the end.
-- Splits and moves between two calls only bring a member to a later place.
local function walk(members, place, most, take)
  local stop = OLD + members.buckets
  local looks = 1024
  place = math.max(place, members.old and old or OLD)
  while place < stop and most > 0 and looks > 0 do
    local before = place < OLD
    local number = before and place or place - OLD
    local flat = redis.call('HGETALL', (before and members.old or members.key) .. number)
    take(before and string.char(math.floor(number / 256), number % 256) or '\0\0', flat)
    most, looks, place = most - #flat / 2, looks - 1, place + 1
  end
  return place < stop and place or -1
end

local function walk_entries(members, place, most)
  local found = {}
  local next_place = walk(members, tonumber(place), tonumber(most), function(head, flat)
    for at = 1, #flat, 2 do
      found[#found + 1] = head .. flat[at]
      found[#found + 1] = flat[at + 1]
    end
  end)
  return {next_place, found}
end

local function walk_fields(members, place, most, first)
  local found = {}
  local next_place = walk(members, tonumber(place), tonumber(most), function(_, flat)
    for at = 1, #flat, 2 do
      found[#found + 1] = flat[at]
      if first > 0 then found[#found + 1] = string.sub(flat[at + 1], 1, first) end
    end
  end)
  return {next_place, table.concat(found)}
end

local READS = {
  ['RECORDS.GET'] = function(op) return get_all(records, op[2]) end,
  ['SUBJECTS.GET'] = function(op) return get_all(subjects, op[2]) end,
  ['ALIASES.GET'] = function(op) return get_all(aliases, op[2]) end,
  ['ARRIVALS.GET'] = function(op) return get_all(arrivals, op[2]) end,
  ['RECORDS.WALK'] = function(op) return walk_entries(records, op[2], op[3]) end,
  ['SUBJECTS.WALK'] = function(op) return walk_entries(subjects, op[2], op[3]) end,
  ['ALIASES.WALK'] = function(op) return walk_entries(aliases, op[2], op[3]) end,
  ['ARRIVALS.WALK'] = function(op) return walk_entries(arrivals, op[2], op[3]) end,
  ['RECORDS.FIELDS'] = function(op) return walk_fields(records, op[2], op[3], 0) end,
  ['SUBJECTS.FIELDS'] = function(op) return walk_fields(subjects, op[2], op[3], 1) end,
  ['TARGETS.HSCAN'] = ask_targets,
  ['TARGETS.HGETALL'] = ask_targets,
  ['PAIRS.HMGET'] = ask_pairs,
  ['PAIRS.HSCAN'] = ask_pairs,
  ['PAIRS.HGETALL'] = ask_pairs,
}

-- The replies to read commands: those above, and Redis' own.
local function answers(ops)
  local replies = {}
  for i, op in ipairs(ops) do
    local ask = READS[op[1]]
    if ask then replies[i] = ask(op) else replies[i] = redis.call(unpack(op)) end
  end
  return replies
end
