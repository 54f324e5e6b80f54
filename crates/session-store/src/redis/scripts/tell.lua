#!lua flags=allow-oom
-- Appends an entry to the feed, also on a full server: what has ended must be told. KEYS: feed, mark.
-- ARGV: the mark's value, the entry. Of several who revoke one session at once each tells of it: it stands there once.
-- If it stands there already, the mark is written again: replicas are waited for by a write.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
for _, told in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 100)) do
  if told[2][2] == ARGV[2] then
    redis.call('SET', KEYS[2], ARGV[1], 'KEEPTTL')
    return 1
  end
end
redis.call('XADD', KEYS[1], '*', 'r', ARGV[2])
return 1
