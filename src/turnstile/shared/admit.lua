-- Counts one request for every subject or for none.
--
--   KEYS   the era; then for each place its windows and its leases
--   ARGV   the era's name, the lease's name, its length in ms; images, pixels, nano-credits; places;
--          for each place its bounds
--   -1                                            the era is over
--   -2, ms                                        the era has not begun for so long
--   1, now, shadows that would refuse (a number and each one's place), then for each limit what is
--          used and when more is free
--   0, now, reason (1 window, 2 at once, 3 too heavy), place, limit, wait, then the same
local era = redis.call('GET', KEYS[1])
local era_name, lease = ARGV[1], ARGV[2]
if not era or string.sub(era, 1, #era_name) ~= era_name then return { -1 } end
local now = clock()
local begins = tonumber(string.sub(era, #era_name + 2))
if now < begins then return { -2, begins - now } end

at = 2
local lease_ms, images, pixels, nanos, count_of_places = arg(), arg(), arg(), arg(), arg()
local places = {}
for p = 1, count_of_places do
  local w = load(KEYS[p * 2])
  places[p] = { w = w, bounds = read_bounds(), key = KEYS[p * 2], leases = KEYS[p * 2 + 1] }
  now = math.max(now, w.latest)
end
for _, p in ipairs(places) do p.has_changed = prepare(p.w, p.bounds) end

-- The limit that the request does not fit for longest.
local function fullest(p)
  local wait, which = nil, nil
  for l, limit in ipairs(p.bounds.limits) do
    local weight = weight_of(limit.unit, images, pixels, nanos)
    if weight > limit.most then return nil, l end
    local excess = used(p.w, limit, now) + weight - limit.most
    if excess > 0 then
      local free = free_at(p.w, limit, now, excess)
      if not wait or free > wait then wait, which = free, l end
    end
  end
  return wait, which
end

local function standings(answer)
  for _, p in ipairs(places) do
    for _, limit in ipairs(p.bounds.shadow == 1 and {} or p.bounds.limits) do
      local amount = used(p.w, limit, now)
      answer[#answer + 1] = amount
      answer[#answer + 1] = amount == 0 and 0 or math.max(0, free_at(p.w, limit, now, 1) - now)
    end
  end
  return answer
end

-- A counter that begins with a request that is refused is remembered: later the stamps tell it less.
local function remember(p)
  if p.has_changed then save(p.key, p.w, keep_ms(p.bounds)) end
end

local function refuse(reason, number, which, wait_ms)
  for _, p in ipairs(places) do remember(p) end
  return standings({ 0, now, reason, number, which, wait_ms })
end

local longest, no = nil, nil
for number, p in ipairs(places) do
  if p.bounds.shadow == 0 then
    local wait, which = fullest(p)
    if which and not wait then return refuse(3, number, which, 0) end
    if which and (not longest or wait > longest) then longest, no = wait, { number, which } end
  end
end
if no then return refuse(1, no[1], no[2], longest - now) end
for number, p in ipairs(places) do
  if p.bounds.most_at_once >= 0 then
    redis.call('ZREMRANGEBYSCORE', p.leases, '-inf', now)
    if redis.call('ZCARD', p.leases) >= p.bounds.most_at_once then
      return refuse(2, number, 0, 0)
    end
  end
end

local over = {}
for number, p in ipairs(places) do
  local _, refuses = nil, nil
  if p.bounds.shadow == 1 then _, refuses = fullest(p) end
  if refuses then
    over[#over + 1] = number
    remember(p)
  else
    count(p.w, p.bounds, now, images, pixels, nanos)
    p.w.latest = now
    save(p.key, p.w, keep_ms(p.bounds))
    if p.bounds.most_at_once >= 0 then
      redis.call('ZADD', p.leases, now + lease_ms, lease)
      redis.call('PEXPIRE', p.leases, lease_ms * 2)
    end
  end
end
local answer = { 1, now, #over }
for _, number in ipairs(over) do answer[#answer + 1] = number end
return standings(answer)
