"""What Redis does in one step for a whole poll: Lua, run where the data is.

A key of each text holds its answer, another its lease: the name of the replica that asks it, or nothing at
all where it was asked in vain a moment ago. A third kind of key, one a replica, is there while its name is
good. The names in leases are looked up in the script, so all keys must lie on one server.
"""

CLAIM = """
-- KEYS: n answers, then n leases. ARGV: our name, the prefix of names, ms that a name and a lease are kept.
-- Returned is for each text the answer, or 0: to be asked without a lease, 1: another asks it, 2: leased.
local n, me = #KEYS / 2, ARGV[1]
local answers = redis.call('MGET', unpack(KEYS, 1, n))
local holders = redis.call('MGET', unpack(KEYS, n + 1, 2 * n))
local lives = {[me] = false}
redis.call('SET', ARGV[2] .. me, 1, 'PX', ARGV[3])
for i = 1, n do
  local holder = holders[i]
  if not answers[i] then
    if holder and holder ~= '' and lives[holder] == nil then
      lives[holder] = redis.call('EXISTS', ARGV[2] .. holder) == 1
    end
    if holder == '' then
      answers[i] = 0
    elseif holder and lives[holder] then
      answers[i] = 1
    else
      redis.call('SET', KEYS[n + i], me, 'PX', ARGV[4])
      answers[i] = 2
    end
  end
end
return answers
"""

MADE_AT_CHARS = 16
"""Digits before each note: milliseconds since the epoch, as long for all, so that texts compare like them."""

NOTE = f"""
-- KEYS: notes. ARGV: for each its value, which begins with when it was made, and for how many ms it is kept.
-- One that was made later stays.
for i, key in ipairs(KEYS) do
  local value = ARGV[2 * i - 1]
  local there = redis.call('GET', key)
  if not there or string.sub(there, 1, {MADE_AT_CHARS}) <= string.sub(value, 1, {MADE_AT_CHARS}) then
    redis.call('SET', key, value, 'PX', ARGV[2 * i])
  end
end
"""

GIVE_BACK = """
-- KEYS: leases. ARGV: our name, ms for which a text that was asked in vain is not leased, then for each key 1
-- where it was, else 0. Another's lease is left alone.
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    if ARGV[i + 2] == '1' then
      redis.call('SET', key, '', 'PX', ARGV[2])
    else
      redis.call('DEL', key)
    end
  end
end
"""
