#!lua flags=allow-oom
-- Replaces a value, '' for none, if it is what was expected. KEYS: the value's, mark. ARGV: the mark's value, expected, new.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local stored = redis.call('GET', KEYS[1]) or ''
if stored ~= ARGV[2] then return stored end
redis.call('SET', KEYS[1], ARGV[3])
return 1
