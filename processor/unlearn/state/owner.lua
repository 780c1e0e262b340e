-- Whether the owner knows what Redis holds. Stands before each script that asks.
-- ARGV    token, applied, writes, as the owner knows them
-- now     meta's token, applied, writes
-- Returns nil if all agree | 'DONE' (the owner's next write has happened) | 'FENCED' | 'ROLLED_BACK'
local function refusal(now)
  local token, applied, writes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  if now[1] ~= token then
    local stored = now[1] and tonumber(string.match(now[1], '^%d+')) or -1
    if stored < tonumber(string.match(token, '^%d+')) then return 'ROLLED_BACK' end
    return 'FENCED'
  end
  if tonumber(now[3]) < writes or tonumber(now[2]) < applied then return 'ROLLED_BACK' end
  if tonumber(now[3]) == writes + 1 then return 'DONE' end
  if tonumber(now[3]) ~= writes or tonumber(now[2]) ~= applied then return 'FENCED' end
end
