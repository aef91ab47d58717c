# The questions of a night, answered from one replica's log. How to call it: docs/logs.md, "Five questions".
#
# "Now" is the log's last line, so that a saved log answers as a running one does. What has begun and not
# ended counts however long ago it began; everything else counts for the last two minutes.

def window_s: 120;
def late_s: $ARGS.named.late_s // 60;    # older than this is late
def slow_s: $ARGS.named.slow_s // 10;    # a call that takes longer is slow

def log: [inputs | fromjson? | objects | select(has("event") and has("timestamp"))];

def at: "\(.timestamp[:19])Z" | fromdateiso8601;
def lines($event): map(select(.event == $event));
def recent: if length == 0 then . else (last | at - window_s) as $since | map(select(at >= $since)) end;
def share($part; $of): if $of == 0 then 0 else $part / $of end;
def some($count; $what): if $count > 0 then ["\($count) \($what)"] else [] end;
def round_to($digits): . * pow(10; $digits) | round / pow(10; $digits);
def number_of: if . == null then 0 else . end;

# The last line that begins something, unless a later one ends it.
def open($begins; $ends):
  map(select(.event as $e | ($begins + $ends) | index($e))) | last
  | select(. != null and (.event as $e | $begins | index($e)));

# The same, each for itself by a field's value.
def open_by($begins; $ends; $field): group_by(.[$field])[] | sort_by(.timestamp) | open([$begins]; [$ends]);

def this_run: (map(.event) | rindex("service_starting") // 0) as $first | .[$first:];
def summary_now: lines("summary") | map(select(.period_s >= 1)) | last;
def calls: lines("model_call");

# --- what is the matter, the surest first: {who, what}, and since when, where work stands still for it

def of_signal: {
  server_error: "the provider", reset: "the provider", timeout: "the provider", refused: "the provider",
  unreachable: "the way to the provider", format_refused: "the provider",
  rate_limited: "the account", quota: "the account", key_refused: "the account",
  model_unknown: "our settings", bad_request: "our settings", overflow: "our settings",
  malformed: "the model", length: "the model", answered: "the model"
}[.] // "the provider";

def ended:
  map(select(.event | IN("service_starting", "service_stopped", "service_failed"))) | last
  | select(. != null and .event == "service_failed")
  | {since: .timestamp, who: "us", what: "the service has failed: \(.error)"};

def paused:
  map(select(.event | IN("provider_paused", "provider_resumed"))) | open_by("provider_paused"; "provider_resumed"; "model")
  | {since: .timestamp, who: (.reason | of_signal), what: "\(.reason) at \(.model) since \(.timestamp): \(.remedy)"};

def budget:
  map(select(.event | IN("budget_spent", "budget_renewed"))) | open_by("budget_spent"; "budget_renewed"; "lane")
  | {since: .timestamp, who: "our settings", what: "the \(.lane) lane's budget of \(.day) is spent: \(.remedy)"};

# Told again and again for as long as it lasts, or ended by a line of their own.
def kafka:
  (open(["commit_failed"]; ["commit_resumed", "commit_refused", "partitions_assigned"]),
   open(["publishing_held"]; ["publishing_resumed", "partitions_assigned"]),
   open(["input_topic_missing"]; ["partitions_assigned"]),
   (map(select(.event | IN("transaction_failed", "transaction_resumed")))
    | open_by("transaction_failed"; "transaction_resumed"; "partition")),
   (recent | open(["waiting_for_kafka", "consumer_failed", "session_lost", "open_failed"]; ["partitions_assigned"])),
   (recent | lines("publish_failed") | last | select(. != null)))
  | {since: .timestamp, who: "Kafka", what: "\(.event) at \(.timestamp): \(.detail // .error // .why // .topic // "see docs/logs.md")"};

def limited:
  (recent | lines("limit_pause")) as $pauses
  | select(($pauses | length) > 0)
  | {who: "the account", what: "its rate limit was met \($pauses | length) times in \(window_s) s, last for \($pauses[-1].wait_ms) ms"};

def failing:
  (recent | calls) as $calls
  | ($calls | map(select(.outcome | IN("answered", "format_refused") | not))) as $failed
  | select(share($failed | length; $calls | length) >= 0.1)
  | $failed | group_by(.outcome) | max_by(length)
  | {who: (.[0].outcome | of_signal),
     what: "\($failed | length) of \($calls | length) calls failed, most by \(.[0].outcome): \(.[-1].detail)"};

def incomplete:
  (recent | calls | map(select(.outcome == "answered"))) as $calls
  | ($calls | map(.tickets) | add | number_of) as $asked
  | ($calls | map(.answered) | add | number_of) as $answered
  | select(share($asked - $answered; $asked) >= 0.1)
  | {who: "the model", what: "\($asked - $answered) of \($asked) texts were not answered in a form that counts"};

def of_reason: {
  unsure: "the model", not_in_taxonomy: "the model", unanswered: "the model", refused: "the provider",
  too_long: "our settings", no_text: "the tickets"
}[.];

def reviewed:
  (recent | calls | map(.tickets) | add | number_of) as $asked
  | recent | lines("needs_review") | map(select(.reason != "deadline"))
  | select(length > 0 and share(length; $asked) >= 0.1) | group_by(.reason) | max_by(length)
  | {who: (.[0].reason | of_reason), what: "\(length) tickets are for review because \(.[0].reason), of \($asked) asked"};

def slow:
  (recent | calls | map(.latency_ms) | sort) as $ms
  | select(($ms | length) > 0 and $ms[($ms | length) / 2 | floor] >= slow_s * 1000)
  | {who: "the provider", what: "half of its calls take \($ms[($ms | length) / 2 | floor] / 1000 | round_to(1)) s or longer"};

def cache_away:
  open(["cache_backend_failed"]; ["cache_backend_back"])
  | {who: "the cache", what: "\(.backend) since \(.timestamp): \(.error)"};

def behind:
  summary_now | select(. != null and .oldest_s >= late_s)
  | {who: "us", what: "no call fails, and \(.lag) records wait: raise llm.concurrency, or add replicas"};

def matters: this_run | [ended, kafka, paused, budget, limited, failing, incomplete, reviewed, slow, cache_away];

# --- the five questions

def is_it_working:
  this_run as $run | ($run | summary_now) as $now
  | ($run | calls | map(select(.answered > 0)) | last | .timestamp // "") as $answered_at
  | ($run | recent | calls | map(.answered) | add | number_of) as $answered
  | (matters | map(select(.since != null))) as $stops
  | (matters | map(select(.since == null and .who != "the cache"))) as $slows
  | ($run | map(select(.event | test("^service_"))) | last) as $life
  | if $life.event == "service_stopped" then "no: it was stopped at \($life.timestamp)"
    elif $life.event == "service_stopping" then "no: it is stopping since \($life.timestamp)"
    elif ($stops | length) > 0
    then (if $answered_at > $stops[0].since then "in part: " else "no: " end) + "\($stops[0].who): \($stops[0].what)"
    elif $now != null and $now.events_out == 0 and $now.in_flight > 0 and $answered == 0
    then "no: \($now.in_flight) tickets are in flight, and nothing came out for \($now.period_s) s"
    elif ($slows | length) > 0 then "in part: \($slows[0].who): \($slows[0].what)"
    elif $now == null then "yes, as far as is seen: \($answered) texts answered in \(window_s) s"
    elif $now.lag == 0 and $now.in_flight == 0 then "yes: everything that came is done"
    else "yes: \($now.events_out) events in \($now.period_s) s" end;

def is_it_late:
  this_run as $run | ($run | summary_now) as $now
  | ($run | recent | lines("urgent_ticket")) as $urgent
  | ($urgent | map(select(.reason == "deadline")) | length) as $missed
  | ($run | lines("summary") | map(select(.period_s >= 1)) | .[-10:]) as $last
  | share($last | map(.events_out) | add | number_of; $last | map(.period_s) | add | number_of) as $per_s
  | (if $now == null then []
     elif $now.oldest_s >= late_s or $now.lag > late_s * $per_s and $now.lag > 0
     then ["the oldest in flight has waited \($now.oldest_s) s, and \($now.lag) records are to be done"
           + if $per_s > 0 then ", in \($now.lag / $per_s / 60 | round_to(1)) min at \($per_s | round_to(1)) a second"
             else ", and none was in the last minutes" end]
     else [] end) as $bulk
  | ($bulk + some($missed; "urgent tickets met their deadline without a label")) as $late
  | if ($late | length) > 0 then "yes: \($late | join("; "))"
    elif $now == null then "not known yet: the first summary is still to come"
    else "no: the oldest in flight has waited \($now.oldest_s) s, \($now.lag) records to be done" end
  + if ($urgent | length) == 0 then "" else
      ($urgent | map(.latency_ms) | sort) as $ms
      | ". Urgent, half of them within \($ms[($ms | length) / 2 | floor] / 1000 | round_to(1)) s, all within \($ms[-1] / 1000 | round_to(1)) s" end;

def is_it_the_provider_or_us:
  matters as $found
  | (if ($found | length) > 0 then $found else (this_run | [behind]) end) as $matters
  | if ($matters | length) == 0 then "nobody: nothing fails"
    else $matters | map("\(.who): \(.what)") | join(" | ") end;

def what_did_it_cost:
  lines("summary") as $sums | calls as $calls
  | ($calls | map(select(.cost_usd == null and .answered > 0)) | length) as $unpriced
  | ($sums | map(.cost_usd | number_of) | add | number_of) as $cost
  | ($sums | map(.events_out) | add | number_of) as $events
  | if ($sums | length) == 0 then "not known yet: the first summary is still to come"
    else "\($cost | round_to(6)) USD for \($events) events from \($sums[0].timestamp) to \($sums[-1].timestamp)"
      + ", \($sums | map(.saved_usd | number_of) | add | round_to(6)) USD less than one call a ticket" end
  + if $unpriced > 0 then "; not counted: \($unpriced) calls without a price or without usage" else "" end;

def is_it_safe_to_restart:
  this_run as $run | ($run | lines("service_starting") | last) as $start
  | ([$run | kafka | select(.what | test("^(commit_failed|publishing_held|transaction_failed)"))] | length > 0) as $uncommitted
  | ($run | [cache_away] | length > 0) as $forgets
  | (if $uncommitted and $start.delivery != "exactly-once"
     then ["commits fail, so what was published since the last one comes twice"] else [] end
     + if $forgets or $start.cache == "memory"
       then ["what is only in this process's memory is asked and paid for once more"] else [] end) as $costs
  | ($run | matters | map(select(.who != "us")) | length > 0) as $elsewhere
  | (if ($costs | length) == 0 then "yes: nothing is lost, nothing comes twice after a SIGTERM"
     else "nothing is lost, but wait if you can: \($costs | join("; "))" end)
    + if $elsewhere then ". It would not mend what is the matter" else "" end;

def five_questions:
  "Is it working?              \(is_it_working)",
  "Is it late?                 \(is_it_late)",
  "Is it the provider or us?   \(is_it_the_provider_or_us)",
  "What did it cost?           \(what_did_it_cost)",
  "Is it safe to restart?      \(is_it_safe_to_restart)";

# --- smaller questions

# A ticket's own lines, and those of every call that held its text (the calls before the last one stand in
# the log at `debug` only).
def journey_of($event_id):
  [.[] | select(.event_id == $event_id or ((.event_ids // []) | index($event_id))) | .batch_id // empty] as $batches
  | .[] | select(.event_id == $event_id or (.batch_id != null and (.batch_id as $b | $batches | index($b))))
  | del(.event_ids);

# Which tickets need review, by reason: how many, and the last ones' ids.
def reviews:
  lines("needs_review") | group_by(.reason)[]
  | {reason: .[0].reason, tickets: length, last: (.[-5:] | map(.event_id))};

# Which calls failed, by what came of them.
def failed_calls:
  calls | map(select(.outcome != "answered")) | group_by(.outcome)[]
  | {outcome: .[0].outcome, calls: length, statuses: (map(.status) | unique), last: .[-1].timestamp, detail: .[-1].detail};
