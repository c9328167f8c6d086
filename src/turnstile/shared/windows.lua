-- Windows of one subject, as `limit` keeps them, in one string: a head, the ring of stamps, and the
-- counters. Times are whole milliseconds of this server's clock.
--
--   head      latest (6 bytes), admissions so far (6), images before the ring (6), stamps (4)
--   stamp     when (6), images so far (6)
--   counter   unit (1), window (6), admissions that it has counted (6), newest sub-window (6),
--             61 counts as doubles
local SUBS, HEAD, COUNTS = 60, 22, string.rep('d', 61)
local COUNTER = 19 + 61 * 8

-- Counters of limits that a reload dropped and that are still remembered.
local COUNTERS_MAX = 8

local function new()
  return { latest = 0, seen = 0, base = 0, size = 0, ring = '', counters = {} }
end

local function load(key)
  local text = redis.call('GET', key)
  if not text then return new() end
  local w = new()
  w.latest, w.seen, w.base, w.size = struct.unpack('>I6I6I6I4', text)
  local at = HEAD + w.size * 12
  w.ring = string.sub(text, HEAD + 1, at)
  while at < #text do
    local unit, window, seen, newest = struct.unpack('>I1I6I6I6', text, at + 1)
    local counts = { struct.unpack('>' .. COUNTS, text, at + 20) }
    w.counters[unit .. ':' .. window] =
      { unit = unit, window = window, seen = seen, newest = newest, counts = counts }
    at = at + COUNTER
  end
  return w
end

local function save(key, w, keep_ms)
  local parts = { struct.pack('>I6I6I6I4', w.latest, w.seen, w.base, w.size), w.ring }
  for _, c in pairs(w.counters) do
    parts[#parts + 1] = struct.pack('>I1I6I6I6', c.unit, c.window, c.seen, c.newest)
    parts[#parts + 1] = struct.pack('>' .. COUNTS, unpack(c.counts, 1, 61))
  end
  redis.call('SET', key, table.concat(parts), 'PX', keep_ms)
end

-- The ring: exact, for requests and images.

local function stamp(w, i)
  return (struct.unpack('>I6', w.ring, i * 12 - 11))
end

local function total(w, i)
  if i == 0 then return w.base end
  return (struct.unpack('>I6', w.ring, i * 12 - 5))
end

-- How many stamps are of that time or earlier.
local function upto(w, time)
  local low, high = 0, w.size
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if stamp(w, middle) <= time then low = middle else high = middle - 1 end
  end
  return low
end

local function drop(w, count)
  if count <= 0 then return end
  w.base = total(w, count)
  w.ring = string.sub(w.ring, count * 12 + 1)
  w.size = w.size - count
end

-- Adds so many images to the totals of every stamp behind this one.
local function shift(w, from, images)
  if from > w.size then return '' end
  local parts = {}
  for i = from, w.size do
    parts[#parts + 1] = struct.pack('>I6I6', stamp(w, i), total(w, i) + images)
  end
  return table.concat(parts)
end

local function insert(w, time, images, kept)
  if w.size >= kept and time <= stamp(w, 1) then return end
  drop(w, w.size - kept + 1)
  local before = upto(w, time)
  local own = struct.pack('>I6I6', time, total(w, before) + images)
  w.ring = string.sub(w.ring, 1, before * 12) .. own .. shift(w, before + 1, images)
  w.size = w.size + 1
end

local function remove(w, time, images)
  for i = upto(w, time - 1) + 1, upto(w, time) do
    if total(w, i) - total(w, i - 1) == images then
      w.ring = string.sub(w.ring, 1, (i - 1) * 12) .. shift(w, i + 1, -images)
      w.size = w.size - 1
      return
    end
  end
end

-- A counter: sub-windows, for everything else.

local function step(c)
  return math.max(1, math.ceil(c.window / SUBS))
end

local function place(number)
  return number % 61 + 1
end

local function add(c, time, weight)
  local number = math.floor(time / step(c))
  if number + SUBS < c.newest then return end
  for passed = math.max(c.newest + 1, number - SUBS), number do
    c.counts[place(passed)] = 0
  end
  c.newest = math.max(c.newest, number)
  c.counts[place(number)] = c.counts[place(number)] + weight
end

local function take(c, time, weight)
  local number = math.floor(time / step(c))
  if number <= c.newest and number + SUBS >= c.newest then
    c.counts[place(number)] = math.max(0, c.counts[place(number)] - weight)
  end
end

local function first(c, now)
  return math.max(0, math.floor(now / step(c)) - SUBS, c.newest - SUBS)
end

local function used_by(c, now)
  local sum = 0
  for number = first(c, now), c.newest do sum = sum + c.counts[place(number)] end
  return sum
end

local function freed_by(c, now, excess)
  local freed = 0
  for number = first(c, now), c.newest do
    local count = c.counts[place(number)]
    freed = freed + count
    if freed >= excess and count > 0 then return (number + SUBS + 1) * step(c) end
  end
  return now
end

-- Units: 0 requests, 1 images, 2 pixels, 3 nano-credits.
local function weight_of(unit, images, pixels, nanos)
  if unit == 0 then return 1 elseif unit == 1 then return images end
  if unit == 2 then return pixels end
  return nanos
end

-- The counter of a limit. One that missed an admission begins again with what the stamps tell: they
-- tell nothing of pixels and credits.
local function counter(w, limit)
  local c = w.counters[limit.name]
  if c and c.seen == w.seen then return c end
  c = { unit = limit.unit, window = limit.window, seen = w.seen, newest = 0, counts = {} }
  for i = 1, 61 do c.counts[i] = 0 end
  for i = 1, w.size do
    add(c, stamp(w, i), weight_of(c.unit, total(w, i) - total(w, i - 1), 0, 0))
  end
  w.counters[limit.name] = c
  return c
end

-- Opens counters for new limits, and of too many keeps those that are read. Whether that changed any.
local function prepare(w, bounds)
  local is_read, known, has_changed = {}, 0, false
  for _, limit in ipairs(bounds.limits) do
    is_read[limit.name] = true
    if limit.exact == 0 and not w.counters[limit.name] then
      counter(w, limit)
      has_changed = true
    end
  end
  for _ in pairs(w.counters) do known = known + 1 end
  for name in pairs(w.counters) do
    if known > COUNTERS_MAX and not is_read[name] then
      w.counters[name] = nil
      has_changed = true
    end
  end
  return has_changed
end

-- What the stamps behind this one hold.
local function held(w, unit, start)
  if unit == 0 then return w.size - start end
  return total(w, w.size) - total(w, start)
end

-- The counter that tells what a limit's window holds, where stamps do not. An exact limit is counted
-- by one for as long as it knows of more than the stamps do: they were kept for smaller limits.
local function counter_for(w, limit, now)
  if limit.exact == 0 then return counter(w, limit) end
  local c = w.counters[limit.name]
  if not c then return nil end
  local stamps = held(w, limit.unit, upto(w, first(c, now) * step(c) - 1))
  if used_by(c, now) > stamps then return c end
end

local function used(w, limit, now)
  local c = counter_for(w, limit, now)
  if c then return used_by(c, now) end
  return held(w, limit.unit, upto(w, now - limit.window))
end

local function free_at(w, limit, now, excess)
  local c = counter_for(w, limit, now)
  if c then return freed_by(c, now, excess) end
  local start = upto(w, now - limit.window)
  local low, high = start + 1, w.size + 1
  if limit.unit == 0 then
    low = start + excess
  else
    while low < high do
      local middle = math.floor((low + high) / 2)
      if total(w, middle) - total(w, start) >= excess then high = middle else low = middle + 1 end
    end
  end
  if low > w.size then return now end
  return stamp(w, low) + limit.window
end

-- Counts one admission, and forgets the stamps that no window sees any more.
local function count(w, bounds, time, images, pixels, nanos)
  drop(w, upto(w, time - bounds.hindsight - 1))
  insert(w, time, images, bounds.kept)
  w.seen = w.seen + 1
  for name, c in pairs(w.counters) do
    if c.seen == w.seen - 1 then
      add(c, time, weight_of(c.unit, images, pixels, nanos))
      c.seen = w.seen
    else
      w.counters[name] = nil
    end
  end
end

-- Reads bounds from the arguments.
local at = 0
local function arg()
  at = at + 1
  return tonumber(ARGV[at])
end

local function read_bounds()
  local b = { shadow = arg(), most_at_once = arg(), kept = arg(), hindsight = arg(), limits = {} }
  for i = 1, arg() do
    local limit = { unit = arg(), most = arg(), window = arg(), exact = arg() }
    limit.name = limit.unit .. ':' .. limit.window
    b.limits[i] = limit
  end
  return b
end

-- How long a subject is remembered after it was last counted.
local function keep_ms(b)
  local longest = b.hindsight
  for _, limit in ipairs(b.limits) do longest = math.max(longest, limit.window) end
  return math.ceil(longest * 1.05) + 1000
end
