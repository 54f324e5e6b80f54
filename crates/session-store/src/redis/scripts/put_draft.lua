#!lua
-- Writes a draft if what is stored is what was expected. KEYS: draft, index, mark.
-- ARGV: the mark's value, the expected version or '', the draft's value, its expiry (ms), its name and entry in the index.
local stored = redis.call('GET', KEYS[1])
if stored then
  local version = string.sub(stored, 1, 16)
  if version == string.sub(ARGV[3], 1, 16) then return 1 end
  if version ~= ARGV[2] then return stored end
else
  if redis.call('GET', KEYS[3]) ~= ARGV[1] then return -1 end
  if ARGV[2] ~= '' then return 0 end
end
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4])
redis.call('HSET', KEYS[2], ARGV[5], ARGV[6])
if redis.call('PEXPIRETIME', KEYS[2]) < tonumber(ARGV[4]) then redis.call('PEXPIREAT', KEYS[2], ARGV[4]) end
return 1
