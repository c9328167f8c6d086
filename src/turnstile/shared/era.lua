-- The era that this server is in: its windows are all of one era, and a server that may have
-- forgotten something begins a new one, after a quiet time in which every node tells what it remembers.
--
--   KEYS   the era
--   ARGV   this run of the server; a name for a new era; the quiet time in ms
--   the era's name, ms until it begins, 1 if it is new
local now = clock()
local era = redis.call('GET', KEYS[1])
local run = redis.call('GET', KEYS[1] .. ':run')
if era and run == ARGV[1] then
  local name, begins = string.match(era, '^([^:]+):(%d+)$')
  return { name, math.max(0, tonumber(begins) - now), 0 }
end
redis.call('SET', KEYS[1], ARGV[2] .. ':' .. (now + tonumber(ARGV[3])))
redis.call('SET', KEYS[1] .. ':run', ARGV[1])
return { ARGV[2], tonumber(ARGV[3]), 1 }
