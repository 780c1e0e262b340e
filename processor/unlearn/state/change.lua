-- Changing members, and the redo record. Stands behind members.lua, before each script that writes.
-- KEYS[2] redo: hash of a script's writes that has begun: blob, members, applied, writes
-- A script that raises midway is not rolled back: whoever comes next performs its redo record to the end. So each step
-- here may be taken again from wherever it stopped. What it had added by then is counted anew up to MOST_COUNTED buckets;
-- above, a count may stay too low by what one script adds, which is little beside it.
local FULL = 32
local MOST_MOVED = 300
local MOST_LOOKS = 64
local MOST_COUNTED = 1024

local function part(list, from)
  return unpack(list, from, math.min(from + 1999, #list))
end

-- Splits one bucket: its fields that belong into a new last bucket go there. The number of buckets, which decides where
-- a field is looked for, is written when the new bucket is whole, and before the old one loses anything. What stands in
-- the new one before is left from a split that raised midway.
local function split(members)
  local low, last = members.low, members.buckets
  local source, target = members.key .. (last - low), members.key .. last
  local going = {}
  redis.call('DEL', target)
  for _, field in ipairs(redis.call('HKEYS', source)) do
    if number_of(field, low) == last then going[#going + 1] = field end
  end
  for from = 1, #going, 2000 do
    local values, both = redis.call('HMGET', source, part(going, from)), {}
    for i, value in ipairs(values) do
      both[2 * i - 1], both[2 * i] = going[from + i - 1], value
    end
    for at = 1, #both, 2000 do redis.call('HSET', target, part(both, at)) end
  end
  members.buckets = last + 1
  if members.buckets == 2 * low then members.low = members.buckets end
  redis.call('HSET', KEYS[1], members.name .. '_buckets', members.buckets)
  for from = 1, #going, 2000 do redis.call('HDEL', source, part(going, from)) end
end

-- Counts members that were added, and splits until a bucket has FULL on average. A member that was there asks for no
-- room: which ones a script names again differs from one way of reading inserts to the other.
local function count_added(members, added)
  members.count = members.count + added
  while members.buckets * FULL < members.count do split(members) end
end

-- Removes what a split that raised midway left in the old bucket although the new one has it, and counts.
local function tidy(members)
  local last, low = members.buckets - 1, 1
  while low * 2 <= last do low = low * 2 end
  local source = members.key .. math.max(last - low, 0)
  for _, field in ipairs(redis.call('HKEYS', source)) do
    if bucket_of(members, field) ~= source then redis.call('HDEL', source, field) end
  end
  if members.buckets > MOST_COUNTED then return end
  members.count = 0
  for number = 0, last do members.count = members.count + redis.call('HLEN', members.key .. number) end
end

-- Brings pairs that stand apart under their name from before under the present one.
local function bring_pairs(name)
  local key = old_pairs(name)
  if key then redis.call('RENAME', key, pairs_of(name)) end
end

local function is_apart(entry)
  return #entry > 0 and string.byte(entry) % 4 >= 2
end

-- Takes a member out of its old bucket. The table has it already, or never shall.
local function leave_old(members, name)
  local number = members.old and old_bucket(name)
  if number and redis.call('HDEL', members.old .. number, string.sub(name, 3, 12)) == 1 then return 1 end
  return 0
end

local function set(members, name, value)
  local field = string.sub(name, 3, 12)
  count_added(members, redis.call('HSET', bucket_of(members, field), field, value))
  if old < OLD then
    if members == records and is_apart(value) then bring_pairs(name) end
    leave_old(members, name)
  end
end

local function set_new(members, name, value)
  if old < OLD then
    local number = old_bucket(name)
    if number and redis.call('HEXISTS', members.old .. number, string.sub(name, 3, 12)) == 1 then return end
  end
  local field = string.sub(name, 3, 12)
  count_added(members, redis.call('HSETNX', bucket_of(members, field), field, value))
end

local function remove(members, name)
  local field = string.sub(name, 3, 12)
  members.count = members.count - redis.call('HDEL', bucket_of(members, field), field)
  leave_old(members, name)
end

local function write_targets(op)
  redis.call(string.sub(op[1], 9), targets_of(op[2]), unpack(op, 3))
end

local function write_pairs(op)
  bring_pairs(op[2])
  redis.call(string.sub(op[1], 7), pairs_of(op[2]), unpack(op, 3))
end

-- Notes what single copies of deletions killed: field, copy and number, three by three. A field holds `copy:number` of
-- each of its copies; a number without a copy is of an earlier release, and -1 of it is settled by what comes now.
local function write_copies(op)
  for at = 3, #op, 3 do
    local field, copy, notes = op[at], op[at + 1], {}
    for note in string.gmatch(redis.call('HGET', op[2], field) or '', '%S+') do
      if note ~= '-1' and string.match(note, '^%d+:') ~= copy .. ':' then notes[#notes + 1] = note end
    end
    notes[#notes + 1] = copy .. ':' .. op[at + 2]
    redis.call('HSET', op[2], field, table.concat(notes, ' '))
  end
end

-- Our own commands: how many arguments they take, from and to, and what they do. The first is a member's name, but for
-- COPIES.
local WRITES = {
  ['RECORD.SET'] = {2, 2, function(op) set(records, op[2], op[3]) end},
  ['RECORD.DEL'] = {1, 1, function(op) remove(records, op[2]) end},
  ['SUBJECT.SET'] = {2, 2, function(op) set(subjects, op[2], op[3]) end},
  ['ALIAS.SET'] = {2, 2, function(op) set(aliases, op[2], op[3]) end},
  ['ALIAS.DEL'] = {1, 1, function(op) remove(aliases, op[2]) end},
  ['ARRIVAL.SET'] = {1, 1, function(op) set(arrivals, op[2], '') end},
  ['TARGETS.HSET'] = {3, 2100, write_targets},
  ['PAIRS.HSET'] = {3, 2100, write_pairs},
  ['PAIRS.HDEL'] = {2, 2100, write_pairs},
  ['COPIES.HSET'] = {4, 2100, write_copies},
}

-- Why these writes can't be performed; nil if they can.
local function malformed(ops)
  for _, op in ipairs(ops) do
    local write, count = WRITES[op[1]], #op - 1
    if count > 2099 then return 'ERR too many arguments in one write' end
    local named = not write or write[3] == write_copies or #op[2] == 12
    if write and (count < write[1] or count > write[2] or not named) then return 'ERR a member is not named' end
  end
end

-- How many records are packed; nil where the bytes don't end with the last member.
local function packed(members)
  if members == '' then return 0 end
  local a, b, c, d = string.byte(members, 1, 4)
  local at, count, size = 5, 0, #members
  while at + 12 <= size do
    at, count = at + 13 + string.byte(members, at + 12), count + 1
  end
  local first = d and a + b * 256 + c * 65536 + d * 16777216
  if not first or at ~= size + 1 or first > count then return nil end
  return first
end

-- Writes packed members: each entry, and each subject that is not known yet.
local function write_packed(members, count)
  local at, size = 5, #members
  while at < size do
    local stop = at + 12 + string.byte(members, at + 12)
    local name, value = string.sub(members, at, at + 11), string.sub(members, at + 13, stop)
    if count > 0 then set(records, name, value) else set_new(subjects, name, value) end
    at, count = stop + 1, count - 1
  end
end

-- Moves one old bucket into the table. Returns how many fields it had.
local function move(members, number)
  local source = members.old .. number
  local fields = redis.call('HKEYS', source)
  if #fields == 0 then return 0 end
  local head = string.char(math.floor(number / 256), number % 256)
  for from = 1, #fields, 2000 do
    for i, value in ipairs(redis.call('HMGET', source, part(fields, from))) do
      local field = fields[from + i - 1]
      count_added(members, redis.call('HSETNX', bucket_of(members, field), field, value))
      if members == records and is_apart(value) then bring_pairs(head .. field) end
    end
  end
  redis.call('DEL', source)
  return #fields
end

-- Moves some old buckets, some 300 fields at least if there are so many.
local function move_some()
  local moved, looks = 0, 0
  while old < OLD and moved < MOST_MOVED and looks < MOST_LOOKS do
    moved = moved + move(records, old) + move(subjects, old)
    old, looks = old + 1, looks + 1
  end
end

-- Performs writes whose redo record is kept. The counts are written with `writes` and `applied`, last and at once.
local function perform(blob, members, new_applied, writes)
  local ops = cmsgpack.unpack(blob)
  for _, op in ipairs(ops) do
    local write = WRITES[op[1]]
    if write then write[3](op) else redis.call(unpack(op)) end
  end
  write_packed(members, packed(members))
  move_some()
  local counts = {'record_count', records.count, 'subject_count', subjects.count}
  for _, members in ipairs({aliases, arrivals}) do
    if members.count ~= members.counted then
      counts[#counts + 1], counts[#counts + 2] = members.name .. '_count', members.count
    end
  end
  redis.call('HSET', KEYS[1], 'writes', writes, 'applied', new_applied, 'old_buckets_moved', old, unpack(counts))
  redis.call('DEL', KEYS[2])
end

-- Performs what a script that raised midway left to do. Members must be opened anew afterwards.
local function perform_again()
  local held = redis.call('HMGET', KEYS[2], 'blob', 'applied', 'writes', 'members')
  if not held[1] then return end
  if open_members()[3] == held[3] then
    redis.call('DEL', KEYS[2])
    return
  end
  tidy(records)
  tidy(subjects)
  tidy(aliases)
  tidy(arrivals)
  perform(held[1], held[4] or '', held[2], held[3])
end
