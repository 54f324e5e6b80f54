#!lua flags=no-writes
-- The ids of a subject's sessions. KEYS: index, mark. ARGV: the mark's value.
local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
if #ids == 0 and redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
return ids
