-- Answers every read of a list, at one moment, for those who only look.
-- Behind  members.lua
-- KEYS[1] meta
-- ARGV    blob: msgpack list of {command, key, argument...}, read commands only
-- Returns {reply...}
open_members()
return answers(cmsgpack.unpack(ARGV[1]))
