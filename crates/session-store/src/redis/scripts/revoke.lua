#!lua flags=allow-oom
-- Marks a record as revoked, whatever its version, and appends to the feed if that is on this server (KEYS[3]).
-- KEYS: record, mark, [feed]. ARGV: the mark's value, the new head (version, state, revocation), the feed's entry.
-- What must end, ends: also on a full server. Answers with the record as it is now. One that is revoked already is written again:
-- replicas are waited for by a write.
local stored = redis.call('GET', KEYS[1])
if not stored then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
  return 0
end
local live = string.sub(stored, 17, 17) == 'L'
if live then stored = ARGV[2] .. string.sub(stored, 18) end
redis.call('SET', KEYS[1], stored, 'KEEPTTL')
if live and KEYS[3] then redis.call('XADD', KEYS[3], '*', 'r', ARGV[3]) end
return stored
