#!lua
-- Stores a new record. KEYS: record, mark. ARGV: the mark's value, the record's value, its expiry (ms).
-- A value begins with the 16 bytes of its version. What is there already is written again: replicas are waited for by a write.
local stored = redis.call('GET', KEYS[1])
if stored then
  if string.sub(stored, 1, 16) ~= string.sub(ARGV[2], 1, 16) then return 2 end
  redis.call('SET', KEYS[1], stored, 'KEEPTTL')
  return 1
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 1
