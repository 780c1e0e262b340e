-- The one script that reads for the owner: checks like commit.lua, then answers every read of the list.
-- Behind  members.lua, owner.lua
-- KEYS[1] meta
-- ARGV    token, applied, writes, blob: msgpack list of {command, key, argument...}, read commands only
-- Returns {'OK', {reply...}} | {'FENCED'} | {'ROLLED_BACK'}
local why = refusal(open_members())
if why then return {why == 'DONE' and 'FENCED' or why} end
return {'OK', answers(cmsgpack.unpack(ARGV[4]))}
