#!lua
-- Counts a request against limits, in order, up to the first that has no room (GCRA), or takes counts back.
-- KEYS: for each limit its cell, and the key of its exemption (the cell again if it has none).
-- ARGV: for each limit what the request costs, and how much can be used (both in microseconds); a negative cost takes back.
-- And for how long its exemption is remembered from now (ms), 0 if not.
-- A cell holds when nothing of it will be used any more, by this server's clock. One that is further off than can be was written
-- before the clock was set back: nobody waits for that.
-- Answers for each limit: -1 exempt; 2u with u used now; 2w+1 with w to wait for room.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers = {}
for i = 1, #KEYS / 2 do
  local cell, exemption = KEYS[2 * i - 1], KEYS[2 * i]
  local cost, window, remember = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  if remember > 0 then redis.call('SET', exemption, '', 'PX', remember) end
  if cost > 0 and exemption ~= cell and redis.call('GET', exemption) then
    answers[i] = -1
  else
    local used = (tonumber(redis.call('GET', cell)) or now) - now
    if used < 0 or used > window then used = 0 end
    local after = used + cost
    if after > window then
      answers[i] = 2 * (after - window) + 1
      return answers
    end
    if after > 0 then
      redis.call('SET', cell, string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
    elseif used > 0 then
      redis.call('DEL', cell)
    end
    answers[i] = 2 * math.max(after, 0)
  end
end
return answers
