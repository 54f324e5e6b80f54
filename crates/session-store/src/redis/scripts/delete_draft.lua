#!lua flags=allow-oom
-- Deletes a draft, if it is the expected one. KEYS: draft, index. ARGV: the expected version or '', its name in the index.
local stored = redis.call('GET', KEYS[1])
if stored and ARGV[1] ~= '' and string.sub(stored, 1, 16) ~= ARGV[1] then return stored end
redis.call('HDEL', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
