"""The database side of budgets: the only code that writes counters and leases. Used by the migration; constants.

All amounts of `costs_lease` are ticks (1e-10). Every function locks counters in the order (budget, subject, period).
"""

BUDGETS_LOCK = 7_640_891_576_956_012_809
"""Advisory lock: bookings share it while they read which budgets there are; whoever makes a budget takes it alone, so
that a line is either counted when the budget is made, or booked to it."""

AMOUNT = """
CREATE FUNCTION costs_amount(p_budget uuid) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT amount FROM costs_budget WHERE id = p_budget AND archived_at IS NULL),
    (SELECT budget_amount FROM gateway_virtualkey WHERE id = p_budget OR lineage_id = p_budget
     ORDER BY created_at DESC, id DESC LIMIT 1))
$$;
"""

# What is left of the period before, without what that period had been given itself: money rolls over once. A subject
# that a budget for each has not met yet has nothing to carry.
CARRIED = """
CREATE FUNCTION costs_carried(p_budget uuid, p_subject text, p_start timestamptz) RETURNS numeric
LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT CASE
      WHEN NOT b.rolls_over OR b.tracked_from >= p_start THEN 0
      ELSE coalesce((
        SELECT least(p.amount, greatest(0, p.amount + p.carried - p.spent - p.leased - p.unpriced_held))
        FROM costs_budgetcounter p
        WHERE p.budget_id = b.id AND p.subject = p_subject AND p.period_end = p_start
      ), CASE WHEN p_subject = '' THEN b.amount ELSE 0 END)
    END FROM costs_budget b WHERE b.id = p_budget), 0)
$$;
"""

OPEN = """
CREATE FUNCTION costs_open(p_counters jsonb) RETURNS TABLE (place bigint, counter bigint) LANGUAGE plpgsql AS $$
-- ids of counters, made where missing: [{b: budget, o: organization, k: subject, s: start, e: end}]; places from 1
BEGIN
  INSERT INTO costs_budgetcounter (budget_id, organization_id, subject, period_start, period_end, amount, carried)
  SELECT r.b, r.o, r.k, r.s, r.e, costs_amount(r.b), costs_carried(r.b, r.k, r.s)
  FROM jsonb_to_recordset(p_counters) AS r(b uuid, o uuid, k text, s timestamptz, e timestamptz)
  WHERE costs_amount(r.b) IS NOT NULL
    AND NOT EXISTS (SELECT FROM costs_budgetcounter c
                    WHERE c.budget_id = r.b AND c.subject = r.k AND c.period_start = r.s)
  ORDER BY r.b, r.k COLLATE "C", r.s
  ON CONFLICT DO NOTHING;
  RETURN QUERY
  SELECT q.place, c.id FROM jsonb_array_elements(p_counters) WITH ORDINALITY AS q(r, place)
  JOIN costs_budgetcounter c ON c.budget_id = (q.r ->> 'b')::uuid AND c.subject = q.r ->> 'k'
    AND c.period_start = (q.r ->> 's')::timestamptz;
END $$;
"""

LEASE = """
CREATE FUNCTION costs_lease(p_owner text, p_processes int, p_pots jsonb, p_asks jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
-- p_pots: [{c: counter, t: granted as the process knows it, s: settled, f: free, w: wish beyond what calls ask for,
--           y: usual hold, n: calls that a shadow budget would have refused, x: forget the lease when it is empty}]
-- p_asks: calls that wait, in order: [{h: hold, m: least hold that serves, p: places in p_pots, from 1}]
-- result: {pots: [[granted, left, wanted, over]], asks: [["ok", hold] | ["wait"] | ["dry", place …]]}
--   left: what even the end of all open calls would leave; null: the budget is gone and limits nothing
--   over: the lease was forgotten, the process begins again at zero
DECLARE
  r record; a jsonb; i int; at int[]; dry int[]; fits bool; is_over bool; extra numeric;
  hold numeric; least_hold numeric; need numeric;
  granted numeric[] := '{}'; free_ numeric[] := '{}'; avail numeric[] := '{}'; left_ numeric[] := '{}';
  blocked bool[] := '{}'; wanted bool[] := '{}'; missed bool[] := '{}'; asks jsonb := '[]'; pots jsonb := '[]';
BEGIN
  PERFORM FROM costs_budgetcounter c
  WHERE c.id IN (SELECT (e ->> 'c')::bigint FROM jsonb_array_elements(p_pots) e)
  ORDER BY c.budget_id, c.subject, c.period_start FOR UPDATE;

  -- a statement of its own after the locks, so that it sees what was committed while they were waited for
  FOR r IN SELECT * FROM costs_pots(p_owner, p_pots) ORDER BY place LOOP
    granted := granted || r.granted;
    free_ := free_ || r.free;
    avail := avail || r.available;
    left_ := left_ || r.remaining;
    wanted := wanted || r.wanted;
    blocked := blocked || false;
    missed := missed || false;
  END LOOP;

  FOR a IN SELECT value FROM jsonb_array_elements(p_asks) LOOP
    hold := (a ->> 'h')::numeric;
    least_hold := (a ->> 'm')::numeric;
    at := ARRAY(SELECT v::int FROM jsonb_array_elements_text(a -> 'p') v);
    dry := '{}';
    FOREACH i IN ARRAY at LOOP
      IF left_[i] < least_hold THEN dry := dry || i; END IF;
      hold := least(hold, left_[i]);
    END LOOP;
    IF dry <> '{}' THEN
      asks := asks || jsonb_build_array(jsonb_build_array('dry') || to_jsonb(dry));
      CONTINUE;
    END IF;
    fits := true;
    FOREACH i IN ARRAY at LOOP
      IF blocked[i] THEN
        fits := false;
      ELSIF left_[i] IS NOT NULL AND hold > free_[i] AND hold - free_[i] > avail[i] THEN
        fits := false;
        missed[i] := true;
      END IF;
    END LOOP;
    FOREACH i IN ARRAY at LOOP
      IF NOT fits THEN
        blocked[i] := true;
      ELSE
        need := greatest(0, hold - free_[i]);
        granted[i] := granted[i] + need;
        avail[i] := avail[i] - need;
        free_[i] := free_[i] + need - hold;
      END IF;
    END LOOP;
    asks := asks || jsonb_build_array(CASE WHEN fits THEN jsonb_build_array('ok', hold) ELSE '["wait"]' END);
  END LOOP;

  FOR r IN SELECT p.e, p.place, (p.e ->> 'w')::numeric AS wish FROM jsonb_array_elements(p_pots)
           WITH ORDINALITY AS p(e, place) ORDER BY p.place LOOP
    i := r.place;
    wanted[i] := wanted[i] OR missed[i];
    IF r.wish > 0 AND NOT wanted[i] AND avail[i] >= 2 * p_processes * (r.e ->> 'y')::numeric THEN
      extra := least(r.wish, trunc(avail[i] / (2 * p_processes)));
      granted[i] := granted[i] + extra;
      avail[i] := avail[i] - extra;
    END IF;
    is_over := costs_keep_lease(r.e, p_owner, granted[i], missed[i]);
    pots := pots || jsonb_build_array(jsonb_build_array(granted[i], left_[i], wanted[i], is_over));
  END LOOP;
  RETURN jsonb_build_object('pots', pots, 'asks', asks);
END $$;
"""

POTS = """
CREATE FUNCTION costs_pots(p_owner text, p_pots jsonb)
RETURNS TABLE (place bigint, granted numeric, free numeric, available numeric, remaining numeric, wanted bool)
LANGUAGE sql VOLATILE AS $$
  -- the locked counters as they stand once the owner's own figures are taken over; ticks
  SELECT q.place, q.t, q.f,
    q.effective - trunc((q.fixed + q.leased - greatest(0, coalesce(l.granted - l.booked, 0))) * 1e10)
      - greatest(0, q.t - trunc(coalesce(l.booked, 0) * 1e10)),
    q.effective - trunc((q.fixed + (
        SELECT coalesce(sum(greatest(0, o.settled - o.booked)), 0)
        FROM costs_budgetlease o WHERE o.counter_id = q.counter AND o.owner <> p_owner)) * 1e10)
      - greatest(0, q.s - trunc(coalesce(l.booked, 0) * 1e10)),
    q.wanted
  FROM (
    SELECT p.place, (p.e ->> 't')::numeric AS t, (p.e ->> 's')::numeric AS s, (p.e ->> 'f')::numeric AS f,
      c.id AS counter, c.leased, c.spent + c.unpriced_held AS fixed, coalesce(c.wanted_until > now(), false) AS wanted,
      trunc((costs_amount(c.budget_id) + costs_carried(c.budget_id, c.subject, c.period_start)) * 1e10) AS effective
    FROM jsonb_array_elements(p_pots) WITH ORDINALITY AS p(e, place)
    LEFT JOIN costs_budgetcounter c ON c.id = (p.e ->> 'c')::bigint
  ) q
  LEFT JOIN costs_budgetlease l ON l.counter_id = q.counter AND l.owner = p_owner
$$;
"""

KEEP_LEASE = """
CREATE FUNCTION costs_keep_lease(p_pot jsonb, p_owner text, p_granted numeric, p_missed bool)
RETURNS bool LANGUAGE plpgsql AS $$
-- under the counter's lock: the owner's lease becomes what it says, `leased` follows; true: the lease is forgotten
DECLARE
  at CONSTANT bigint := (p_pot ->> 'c')::bigint;
  new_granted CONSTANT numeric := p_granted * 0.0000000001;
  new_settled CONSTANT numeric := (p_pot ->> 's')::numeric * 0.0000000001;
  refused CONSTANT bigint := coalesce((p_pot ->> 'n')::bigint, 0);
  l costs_budgetlease; c costs_budgetcounter; change numeric; new_amount numeric; new_carried numeric;
  is_over bool := false;
BEGIN
  SELECT * INTO c FROM costs_budgetcounter WHERE id = at;
  IF NOT FOUND THEN RETURN true; END IF;
  SELECT * INTO l FROM costs_budgetlease WHERE counter_id = at AND owner = p_owner;
  change := greatest(0, new_granted - coalesce(l.booked, 0)) - greatest(0, coalesce(l.granted - l.booked, 0));
  IF coalesce((p_pot ->> 'x')::bool, false) AND new_granted = coalesce(l.booked, 0) THEN
    DELETE FROM costs_budgetlease WHERE id = l.id;
    is_over := true;
  ELSIF l.id IS NOT NULL AND (l.granted <> new_granted OR l.settled <> new_settled) THEN
    UPDATE costs_budgetlease SET granted = new_granted, settled = new_settled WHERE id = l.id;
  ELSIF l.id IS NULL AND new_granted <> 0 THEN
    INSERT INTO costs_budgetlease (counter_id, owner, granted, settled) VALUES (at, p_owner, new_granted, new_settled);
  END IF;
  IF p_missed AND c.wanted_until < now() + interval '1 s' THEN
    UPDATE costs_budgetcounter SET wanted_until = now() + interval '3 s' WHERE id = at;
    PERFORM pg_notify('gateway_budget', at::text);
  END IF;
  new_amount := coalesce(costs_amount(c.budget_id), c.amount);
  new_carried := costs_carried(c.budget_id, c.subject, c.period_start);
  IF change <> 0 OR refused > 0 OR c.amount <> new_amount OR c.carried <> new_carried THEN
    UPDATE costs_budgetcounter SET leased = leased + change, would_block = would_block + refused,
      amount = new_amount, carried = new_carried WHERE id = at;
  END IF;
  RETURN is_over;
END $$;
"""

BOOK = """
CREATE FUNCTION costs_book(p_owner text, p_rows jsonb, p_marks jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- p_rows: [{b: budget, o: organization, k: subject, s: start, e: end, a: cost, h: held for unpriced, n: not counted}]
-- p_marks: {counter: cost that the owner's lease there has to cover}; amounts in currency units
-- a period whose end is another one than it was when its counter was made (time zones change their rules) is the same
DECLARE r record;
BEGIN
  INSERT INTO costs_budgetcounter AS c (budget_id, organization_id, subject, period_start, period_end, amount, carried,
                                        spent, unpriced_held, uncounted_lines)
  SELECT q.b, q.o, q.k, q.s, max(q.e), coalesce(costs_amount(q.b), 0), costs_carried(q.b, q.k, q.s),
         sum(q.a), sum(q.h), sum(q.n)
  FROM (
    SELECT * FROM jsonb_to_recordset(p_rows) AS v(b uuid, o uuid, k text, s timestamptz, e timestamptz, a numeric,
                                                 h numeric, n bigint)
    UNION ALL
    SELECT m.budget_id, m.organization_id, m.subject, m.period_start, m.period_end, 0, 0, 0
    FROM costs_budgetcounter m WHERE m.id IN (SELECT jsonb_object_keys(p_marks)::bigint)
  ) q GROUP BY q.b, q.o, q.k, q.s ORDER BY q.b, q.k COLLATE "C", q.s
  ON CONFLICT (budget_id, subject, period_start) DO UPDATE SET spent = c.spent + excluded.spent,
    unpriced_held = c.unpriced_held + excluded.unpriced_held,
    uncounted_lines = c.uncounted_lines + excluded.uncounted_lines;
  FOR r IN SELECT l.id, l.counter_id, l.granted - l.booked AS rest, m.value::numeric AS cost
           FROM jsonb_each_text(p_marks) m JOIN costs_budgetlease l ON l.counter_id = m.key::bigint
           WHERE l.owner = p_owner LOOP
    UPDATE costs_budgetlease SET booked = booked + r.cost WHERE id = r.id;
    UPDATE costs_budgetcounter SET leased = leased - greatest(0, r.rest) + greatest(0, r.rest - r.cost)
    WHERE id = r.counter_id;
  END LOOP;
END $$;
"""

RELEASE = """
CREATE FUNCTION costs_release(p_owner text) RETURNS void LANGUAGE plpgsql AS $$
-- every line of the owner is booked: what it had left goes back
BEGIN
  PERFORM FROM costs_budgetcounter c
  WHERE c.id IN (SELECT counter_id FROM costs_budgetlease WHERE owner = p_owner)
  ORDER BY c.budget_id, c.subject, c.period_start FOR UPDATE;
  UPDATE costs_budgetcounter c SET leased = c.leased - greatest(0, l.granted - l.booked)
  FROM costs_budgetlease l WHERE l.owner = p_owner AND c.id = l.counter_id;
  DELETE FROM costs_budgetlease WHERE owner = p_owner;
END $$;
"""

# A key that is given a budget later has spent before; lines booked while it had none are not in its counter.
KEY_BUDGET = f"""
CREATE FUNCTION costs_key_budget() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE first_key uuid := coalesce(NEW.lineage_id, NEW.id);
BEGIN
  IF NEW.budget_amount IS NULL OR (TG_OP = 'INSERT' AND NEW.lineage_id IS NULL)
     OR (TG_OP = 'UPDATE' AND OLD.budget_amount IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock({BUDGETS_LOCK});
  INSERT INTO costs_budgetcounter AS c (budget_id, organization_id, subject, period_start, period_end, amount, spent)
  SELECT first_key, NEW.organization_id, '', 'epoch', '9999-01-01 00:00:00+00', NEW.budget_amount,
    coalesce((SELECT sum(s.spent) FROM gateway_keyspend s JOIN gateway_virtualkey k ON k.id = s.key_id
              WHERE coalesce(k.lineage_id, k.id) = first_key), 0)
  ON CONFLICT (budget_id, subject, period_start) DO UPDATE SET spent = excluded.spent, amount = excluded.amount;
  RETURN NULL;
END $$;
CREATE TRIGGER costs_key_budget AFTER INSERT OR UPDATE OF budget_amount ON gateway_virtualkey
  FOR EACH ROW EXECUTE FUNCTION costs_key_budget();
"""

# Keys that had a budget before there were counters.
KEY_COUNTERS = """
INSERT INTO costs_budgetcounter (budget_id, organization_id, subject, period_start, period_end, amount, spent)
SELECT k.id, k.organization_id, '', 'epoch', '9999-01-01 00:00:00+00', k.budget_amount, coalesce(s.spent, 0)
FROM gateway_virtualkey k LEFT JOIN gateway_keyspend s ON s.key_id = k.id WHERE k.budget_amount IS NOT NULL;
"""

WATCH = "".join(
    f"CREATE CONSTRAINT TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
    f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gateway_config_changed('budget', 'id');"
    for table in ("costs_budget", "costs_unpricedpolicy")
)

FUNCTIONS = (AMOUNT, CARRIED, OPEN, POTS, KEEP_LEASE, LEASE, BOOK, RELEASE, KEY_BUDGET)
DROP = """
DROP TRIGGER costs_key_budget ON gateway_virtualkey;
DROP FUNCTION costs_key_budget(), costs_release(text), costs_book(text, jsonb, jsonb),
  costs_lease(text, int, jsonb, jsonb), costs_keep_lease(jsonb, text, numeric, bool), costs_pots(text, jsonb),
  costs_open(jsonb), costs_carried(uuid, text, timestamptz), costs_amount(uuid);
"""
