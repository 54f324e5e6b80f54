#!lua flags=allow-oom
-- Removes sessions that are gone from their subject's index. KEYS: index. ARGV: ids.
-- One that was noted in the last minute stays: its record may be about to be stored.
local now = tonumber(redis.call('TIME')[1])
for _, id in ipairs(ARGV) do
  local noted = redis.call('ZSCORE', KEYS[1], id)
  if noted and tonumber(noted) < now - 60 then redis.call('ZREM', KEYS[1], id) end
end
return 1
