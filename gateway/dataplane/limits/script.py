"""The exchange with Redis: one Lua script that any number of meters and asks go through in one atomic step. Pure.

A process reports how much of each limit it has taken, as an absolute figure, so that repeating a report, losing one, or
losing all of Redis's memory is healed by the next. A hash a meter: `w` names the window, and each process has a field
`taken:held`. Windows end by expiry of their key; of a dead process, slots come free and used requests stay used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.dataplane.limits.meters import SLICES, Ask, Meter

PREFIX = "gateway:limit:"
PROCESSES_KEY = "gateway:limits:processes"
DEAD_AFTER_MS = 5_000
"""A process that was not heard of for so long holds no slots any more."""
LUA = """
local procs, me, dead_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', procs, now, me)
redis.call('ZREMRANGEBYSCORE', procs, '-inf', now - dead_ms)
redis.call('PEXPIRE', procs, 60000)
local live, count = {}, 0
for _, name in ipairs(redis.call('ZRANGE', procs, 0, -1)) do
  live[name] = true
  count = count + 1
end

local slices, n, at = tonumber(ARGV[3]), tonumber(ARGV[4]), 5
local meters = {}
for i = 1, n do
  local m = {cap = tonumber(ARGV[at]), window = tonumber(ARGV[at + 1]), wid = ARGV[at + 2],
             ttl = tonumber(ARGV[at + 3]), is_local = ARGV[at + 4] == '1', taken = tonumber(ARGV[at + 5]),
             held = tonumber(ARGV[at + 6]), want = tonumber(ARGV[at + 7]), others = 0, idle = 0, extra = 0}
  at = at + 8
  local flat = redis.call('HGETALL', KEYS[i + 1])
  for j = 1, #flat, 2 do
    local name, value = flat[j], flat[j + 1]
    if name == 'w' then
      m.found = value
    elseif name == me then
      m.known = value
    else
      local colon = string.find(value, ':', 1, true)
      if live[name] or m.window > 0 then
        m.others = m.others + tonumber(string.sub(value, 1, colon - 1))
      else
        redis.call('HDEL', KEYS[i + 1], name)
      end
      if live[name] then m.idle = m.idle + tonumber(string.sub(value, colon + 1)) end
    end
  end
  if m.window > 0 then
    if not m.found and m.wid ~= '' and m.ttl > 0 then
      m.found, m.make = m.wid, m.ttl
    elseif m.found ~= m.wid and not (m.found and m.is_local) then
      m.taken, m.held = 0, 0
    end
  end
  m.left = m.cap - m.others - m.taken
  meters[i] = m
end

local verdicts = {}
local asks = tonumber(ARGV[at])
at = at + 1
for k = 1, asks do
  local parts, failed = tonumber(ARGV[at]), 0
  for p = 0, parts - 1 do
    local i = tonumber(ARGV[at + 1 + 2 * p])
    if failed == 0 and meters[i].left < tonumber(ARGV[at + 2 + 2 * p]) then failed = i end
  end
  if failed == 0 then
    for p = 0, parts - 1 do
      local m, need = meters[tonumber(ARGV[at + 1 + 2 * p])], tonumber(ARGV[at + 2 + 2 * p])
      m.left, m.taken, m.granted = m.left - need, m.taken + need, true
    end
  end
  verdicts[k] = failed
  at = at + 1 + 2 * parts
end

local answers = {}
for i = 1, n do
  local m, key = meters[i], KEYS[i + 1]
  if m.window > 0 and not m.found and m.granted then
    m.found, m.make = me .. ':' .. now .. ':' .. i, m.window
  end
  if m.want > 0 and (m.window == 0 or m.found) then
    m.extra = math.max(0, math.min(m.want, math.floor(m.left / (slices * count))))
    m.taken, m.held, m.left = m.taken + m.extra, m.held + m.extra, m.left - m.extra
  end
  local pttl = 0
  if m.window > 0 and not m.found then
    pttl = 0
  elseif m.window == 0 and m.taken == 0 then
    if m.known then redis.call('HDEL', key, me) end
  else
    local value = string.format('%d:%d', m.taken, m.held)
    if m.window == 0 then
      redis.call('HSET', key, me, value)
      redis.call('PEXPIRE', key, 60000)
    else
      if m.make then
        redis.call('HSET', key, 'w', m.found, me, value)
        redis.call('PEXPIRE', key, m.make)
      elseif value ~= m.known then
        redis.call('HSET', key, me, value)
      end
      pttl = redis.call('PTTL', key)
    end
  end
  answers[i] = {m.found or '', pttl, m.left, m.idle, m.extra}
end
return {count, answers, verdicts}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the counter says of one meter. `idle`: unused slack that other processes hold and may give back."""

    wid: str
    ttl_s: float
    left: int
    idle: int
    extra: int


@dataclass(frozen=True, slots=True)
class Reply:
    """`verdicts`: for each ask, the place of the meter that refused it, or None when all was granted."""

    processes: int
    answers: Sequence[Answer]
    verdicts: Sequence[int | None]


def request(
    owner: str, meters: Sequence[Meter], wants: Mapping[str, int], asks: Sequence[Ask], now: float
) -> tuple[list[str], list[str | int]]:
    """`(keys, arguments)` of the script. `wants`: meter → how much more than needed would be welcome."""
    places = {meter.key: place for place, meter in enumerate(meters, 1)}
    arguments: list[str | int] = [owner, DEAD_AFTER_MS, SLICES, len(meters)]
    for meter in meters:
        meter.allowed = max(meter.allowed, meter.used)  # settling cost more than was granted: it is taken
        ttl_ms = int((meter.ends_at - now) * 1000) if meter.wid else 0
        arguments += [
            meter.cap, int(meter.window_s * 1000), meter.wid, ttl_ms, int(meter.is_local), meter.allowed, meter.free,
            wants.get(meter.key, 0),
        ]  # fmt: skip
    arguments.append(len(asks))
    for ask in asks:
        arguments.append(len(ask.wants))
        for want in ask.wants:
            arguments += [places[want.meter.key], want.missing]
    return [PROCESSES_KEY, *(PREFIX + meter.key for meter in meters)], arguments


def reply(raw: Sequence[Any]) -> Reply:
    """The script's answer in words."""
    count, answers, verdicts = raw
    return Reply(
        max(1, int(count)),
        [Answer(wid.decode(), pttl / 1000, left, idle, extra) for wid, pttl, left, idle, extra in answers],
        [failed - 1 if failed else None for failed in verdicts],
    )
