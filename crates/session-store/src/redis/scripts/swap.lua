#!lua flags=allow-oom
-- Replaces a record that is of the expected version and not revoked. KEYS: record, mark.
-- ARGV: the mark's value, the expected version, the record's new value, its expiry (ms).
-- Byte 17 of a value is 'L' while the record is not revoked. It replaces what is there, so a full server may do it.
local stored = redis.call('GET', KEYS[1])
if not stored then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
  return 0
end
if string.sub(stored, 17, 17) ~= 'L' then return stored end
local version = string.sub(stored, 1, 16)
if version == string.sub(ARGV[3], 1, 16) then return 1 end
if version ~= ARGV[2] then return stored end
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4])
return 1
