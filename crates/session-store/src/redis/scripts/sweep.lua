#!lua flags=allow-oom
-- Deletes a record that is still of the version that was seen. KEYS: record. ARGV: the version.
if redis.call('GETRANGE', KEYS[1], 0, 15) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
