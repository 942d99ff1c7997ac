-- Views: what people look at. Each is owned by the extension and shows the rows of
-- the tenants that pulse.readable_tenants() gives for who asks; the condition is
-- evaluated once a query. Conditions by run use the primary keys, since the
-- equality of uuid is leakproof.

CREATE VIEW pulse.runs WITH (security_barrier) AS
SELECT
	r.id AS run,
	r.workflow AS workflow,
	r.version AS version,
	r.tenant AS tenant,
	CASE
		WHEN r.status <> 'pending' THEN r.status::text
		WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'running') THEN 'running'
		WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'waiting') THEN 'waiting'
		WHEN r.started_at IS NULL AND NOT EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id) THEN 'pending'
		ELSE 'running'
	END AS status,
	r.priority AS priority,
	r.input AS input,
	r.output AS output,
	r.error AS error,
	r.labels AS labels,
	r.idempotency_key AS idempotency_key,
	r.submitted_at AS submitted_at,
	r.submitted_by AS submitted_by,
	r.start_at AS start_at,
	r.deadline AS deadline,
	coalesce(r.started_at, (SELECT pg_catalog.min(n.started_at) FROM _pulse.node n WHERE n.run = r.id)) AS started_at,
	r.ended_at AS ended_at,
	r.traceparent AS traceparent,
	r.budget AS budget,
	r.parent AS parent,
	r.parent_node AS parent_node,
	coalesce(r.depth, 0)::smallint AS depth,
	(SELECT coalesce(pg_catalog.max(g.revision), 0) FROM _pulse.rewrite g WHERE g.run = r.id) AS revision,
	coalesce(
		(SELECT g.budget_after FROM _pulse.rewrite g
			WHERE g.run = r.id AND g.revision IS NOT NULL AND g.budget_after IS NOT NULL
			ORDER BY g.revision DESC LIMIT 1),
		'{"nodes": 16, "edges": 32, "depth": 6, "frontier": 4, "operations": 4}'::jsonb
			|| coalesce((SELECT w.graph -> 'budget' FROM _pulse.workflow w
				WHERE w.tenant = r.tenant AND w.name = r.workflow AND w.version = r.version), '{}')
			|| coalesce(r.budget, '{}')) AS remaining_budget
FROM _pulse.run r
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()));
COMMENT ON VIEW pulse.runs IS 'Runs, live and ended.';
COMMENT ON COLUMN pulse.runs.run IS 'Id of the run (UUIDv7: ordered by time of submission).';
COMMENT ON COLUMN pulse.runs.workflow IS 'Its workflow; graph:... for a graph that was submitted with it.';
COMMENT ON COLUMN pulse.runs.version IS 'Version of the workflow, kept for life.';
COMMENT ON COLUMN pulse.runs.tenant IS 'Tenant it belongs to.';
COMMENT ON COLUMN pulse.runs.status IS 'pending, running, waiting, paused, completed, failed, cancelled, timed_out or quarantined.';
COMMENT ON COLUMN pulse.runs.priority IS '0 (most urgent) to 3.';
COMMENT ON COLUMN pulse.runs.input IS 'Input, as submitted.';
COMMENT ON COLUMN pulse.runs.output IS 'Output of a completed run.';
COMMENT ON COLUMN pulse.runs.error IS 'Why it did not complete.';
COMMENT ON COLUMN pulse.runs.labels IS 'Labels, as submitted.';
COMMENT ON COLUMN pulse.runs.idempotency_key IS 'Key that makes a repeated submit harmless.';
COMMENT ON COLUMN pulse.runs.submitted_at IS 'When it was submitted.';
COMMENT ON COLUMN pulse.runs.submitted_by IS 'Who submitted it.';
COMMENT ON COLUMN pulse.runs.start_at IS 'Not to be started before.';
COMMENT ON COLUMN pulse.runs.deadline IS 'Ends as timed_out when it is live then.';
COMMENT ON COLUMN pulse.runs.started_at IS 'When it was taken up.';
COMMENT ON COLUMN pulse.runs.ended_at IS 'When it ended.';
COMMENT ON COLUMN pulse.runs.traceparent IS 'W3C trace context of the submitter.';
COMMENT ON COLUMN pulse.runs.budget IS 'Budget of rewrites, if one was submitted.';
COMMENT ON COLUMN pulse.runs.parent IS 'Run that has started it, or NULL.';
COMMENT ON COLUMN pulse.runs.parent_node IS 'Node of that run which waits for it.';
COMMENT ON COLUMN pulse.runs.depth IS 'How many runs are above it: 0 for one that was submitted.';
COMMENT ON COLUMN pulse.runs.revision IS 'Revision of its graph: 0 as defined, and one more each time it grew.';
COMMENT ON COLUMN pulse.runs.remaining_budget IS 'What is left for rewrites.';

CREATE VIEW pulse.nodes WITH (security_barrier) AS
SELECT
	r.id AS run,
	n.node AS node,
	n.kind AS kind,
	n.name AS name,
	n.status AS status,
	n.reason AS reason,
	n.blocked_by AS blocked_by,
	n.rewrite AS rewrite,
	n.proposer AS proposer,
	n.child AS child,
	n.attempt AS attempt,
	n.tries AS tries,
	n.activation AS activation,
	n.output AS output,
	n.error AS error,
	n.progress AS progress,
	n.cost AS cost,
	n.outcome_unknown AS outcome_unknown,
	n.action_version AS action_version,
	n.due AS due,
	n.total_deadline AS total_deadline,
	n.started_at AS started_at,
	n.ended_at AS ended_at,
	r.workflow AS workflow,
	r.tenant AS tenant
FROM _pulse.run r CROSS JOIN LATERAL _pulse.run_nodes(r.id) n
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()));
COMMENT ON VIEW pulse.nodes IS 'Nodes of runs, also those that have not been reached; fast for one run, for all runs it reads every graph.';
COMMENT ON COLUMN pulse.nodes.run IS 'The run.';
COMMENT ON COLUMN pulse.nodes.node IS 'Id of the node in the graph.';
COMMENT ON COLUMN pulse.nodes.kind IS 'action, pure, delay, signal, noop, choose, map, repeat, workflow, or collect: the end of one of the three before it.';
COMMENT ON COLUMN pulse.nodes.name IS 'Action, signal or workflow it names.';
COMMENT ON COLUMN pulse.nodes.status IS 'pending, running, waiting, interrupted, completed, rewritten, skipped or failed.';
COMMENT ON COLUMN pulse.nodes.reason IS 'What it waits for, or why it was skipped, interrupted or failed without having run (closure).';
COMMENT ON COLUMN pulse.nodes.blocked_by IS 'Direct predecessors that hold up a pending node.';
COMMENT ON COLUMN pulse.nodes.rewrite IS 'Rewrite that has brought it (pulse.rewrites); NULL: the workflow has it.';
COMMENT ON COLUMN pulse.nodes.proposer IS 'Node that proposed that rewrite, or was lowered.';
COMMENT ON COLUMN pulse.nodes.child IS 'Run that it has started.';
COMMENT ON COLUMN pulse.nodes.attempt IS 'Number of the last attempt; never restarts.';
COMMENT ON COLUMN pulse.nodes.tries IS 'Attempts that the retry policy has counted.';
COMMENT ON COLUMN pulse.nodes.activation IS 'Id of the activation; its idempotency key is act_<activation>.';
COMMENT ON COLUMN pulse.nodes.output IS 'Output of a completed node.';
COMMENT ON COLUMN pulse.nodes.error IS 'Last error.';
COMMENT ON COLUMN pulse.nodes.progress IS 'What the host last said of its progress.';
COMMENT ON COLUMN pulse.nodes.cost IS 'What the host said that it cost.';
COMMENT ON COLUMN pulse.nodes.outcome_unknown IS 'The last attempt may have had its effect.';
COMMENT ON COLUMN pulse.nodes.action_version IS 'Version of the action that answered.';
COMMENT ON COLUMN pulse.nodes.due IS 'When its timer is due.';
COMMENT ON COLUMN pulse.nodes.total_deadline IS 'When its total_timeout has passed.';
COMMENT ON COLUMN pulse.nodes.started_at IS 'When it was first activated.';
COMMENT ON COLUMN pulse.nodes.ended_at IS 'When it ended.';
COMMENT ON COLUMN pulse.nodes.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.nodes.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.attempts WITH (security_barrier) AS
SELECT
	a.run, a.node, a.attempt, a.activation, a.outcome::text, a.class, a.code, a.http_status,
	a.error, a.started_at, a.ended_at, a.action_version, r.workflow, r.tenant
FROM _pulse.attempt a JOIN _pulse.run r ON r.id = a.run
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()))
UNION ALL
SELECT
	n.run, n.node, n.attempt, n.activation,
	CASE WHEN n.status = 'running' THEN 'running' ELSE 'succeeded' END,
	NULL, NULL, NULL, NULL,
	CASE WHEN n.attempt = 1 THEN n.started_at END, n.ended_at, n.action_version,
	r.workflow, r.tenant
FROM _pulse.node n JOIN _pulse.run r ON r.id = n.run
WHERE n.attempt > 0 AND n.status IN ('running', 'completed', 'rewritten')
	AND NOT EXISTS (SELECT FROM _pulse.attempt a
		WHERE a.run = n.run AND a.node = n.node AND a.attempt = n.attempt)
	AND (r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants())));
COMMENT ON VIEW pulse.attempts IS 'Attempts: calls of hosts, also those that did not succeed.';
COMMENT ON COLUMN pulse.attempts.run IS 'The run.';
COMMENT ON COLUMN pulse.attempts.node IS 'The node.';
COMMENT ON COLUMN pulse.attempts.attempt IS 'Number of the attempt, also its fencing number.';
COMMENT ON COLUMN pulse.attempts.activation IS 'Activation it was made for.';
COMMENT ON COLUMN pulse.attempts.outcome IS 'succeeded, running, failed, unknown, timed_out, held, lost, interrupted, late or rejected (a rewrite).';
COMMENT ON COLUMN pulse.attempts.class IS 'Class of the error.';
COMMENT ON COLUMN pulse.attempts.code IS 'Code that the host gave.';
COMMENT ON COLUMN pulse.attempts.http_status IS 'HTTP status of the answer.';
COMMENT ON COLUMN pulse.attempts.error IS 'The error.';
COMMENT ON COLUMN pulse.attempts.started_at IS 'When it was sent.';
COMMENT ON COLUMN pulse.attempts.ended_at IS 'When it ended.';
COMMENT ON COLUMN pulse.attempts.action_version IS 'Version of the action that answered.';
COMMENT ON COLUMN pulse.attempts.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.attempts.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.signals WITH (security_barrier) AS
SELECT
	s.run AS run,
	s.id AS id,
	s.name AS name,
	s.state::text AS state,
	s.reason AS reason,
	s.node AS node,
	s.payload AS payload,
	s.at AS at,
	s.settled_at AS settled_at,
	s.actor AS actor,
	r.workflow AS workflow,
	r.tenant AS tenant
FROM _pulse.signal s JOIN _pulse.run r ON r.id = s.run
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()));
COMMENT ON VIEW pulse.signals IS 'Signals that runs have accepted.';
COMMENT ON COLUMN pulse.signals.run IS 'The run.';
COMMENT ON COLUMN pulse.signals.id IS 'Id, the caller''s or one made for it.';
COMMENT ON COLUMN pulse.signals.name IS 'Name.';
COMMENT ON COLUMN pulse.signals.state IS 'pending, consumed or discarded.';
COMMENT ON COLUMN pulse.signals.reason IS 'Why it was discarded.';
COMMENT ON COLUMN pulse.signals.node IS 'Node that consumed it.';
COMMENT ON COLUMN pulse.signals.payload IS 'Payload.';
COMMENT ON COLUMN pulse.signals.at IS 'When it was accepted.';
COMMENT ON COLUMN pulse.signals.settled_at IS 'When it was consumed or discarded.';
COMMENT ON COLUMN pulse.signals.actor IS 'Who sent it.';
COMMENT ON COLUMN pulse.signals.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.signals.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.logs WITH (security_barrier) AS
SELECT
	l.run AS run,
	l.id AS id,
	l.at AS at,
	l.node AS node,
	l.attempt AS attempt,
	l.level::text AS level,
	l.actor AS actor,
	l.message AS message,
	l.data AS data,
	r.workflow AS workflow,
	r.tenant AS tenant
FROM _pulse.log l JOIN _pulse.run r ON r.id = l.run
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()));
COMMENT ON VIEW pulse.logs IS 'Log lines of runs: of hosts, of the engine, and what operators did.';
COMMENT ON COLUMN pulse.logs.run IS 'The run.';
COMMENT ON COLUMN pulse.logs.id IS 'Order of the lines of a run.';
COMMENT ON COLUMN pulse.logs.at IS 'When.';
COMMENT ON COLUMN pulse.logs.node IS 'The node, or NULL for the run.';
COMMENT ON COLUMN pulse.logs.attempt IS 'The attempt.';
COMMENT ON COLUMN pulse.logs.level IS 'debug, info, warning, error or operator.';
COMMENT ON COLUMN pulse.logs.actor IS 'Who did it, for level operator.';
COMMENT ON COLUMN pulse.logs.message IS 'The message.';
COMMENT ON COLUMN pulse.logs.data IS 'What else belongs to it.';
COMMENT ON COLUMN pulse.logs.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.logs.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.waiting WITH (security_barrier) AS
SELECT
	n.run AS run,
	n.node AS node,
	n.reason AS waits_for,
	coalesce(n.memo ->> 'signal', CASE
		WHEN w.graph -> 'nodes' ? n.node THEN coalesce(w.graph -> 'nodes' -> n.node ->> 'signal',
			w.graph -> 'nodes' -> n.node ->> 'action', w.graph -> 'nodes' -> n.node ->> 'workflow')
		ELSE _pulse.node_name(n.run, n.node)
	END) AS name,
	CASE WHEN n.reason = 'child' THEN n.activation END AS child,
	n.due AS due,
	n.started_at AS since,
	n.error AS error,
	r.status::text AS run_status,
	r.workflow AS workflow,
	r.version AS version,
	r.tenant AS tenant
FROM _pulse.node n
	JOIN _pulse.run r ON r.id = n.run
	LEFT JOIN _pulse.workflow w ON w.tenant = r.tenant AND w.name = r.workflow AND w.version = r.version
WHERE n.status = 'waiting' AND r.status IN ('pending', 'paused')
	AND (r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants())));
COMMENT ON VIEW pulse.waiting IS 'Nodes of live runs that wait for something.';
COMMENT ON COLUMN pulse.waiting.run IS 'The run.';
COMMENT ON COLUMN pulse.waiting.node IS 'The node.';
COMMENT ON COLUMN pulse.waiting.waits_for IS 'signal, timer, retry, host, operator or child.';
COMMENT ON COLUMN pulse.waiting.name IS 'Signal, action or workflow that it waits for.';
COMMENT ON COLUMN pulse.waiting.child IS 'Run that it waits for.';
COMMENT ON COLUMN pulse.waiting.due IS 'When its timer is due.';
COMMENT ON COLUMN pulse.waiting.since IS 'When the node was first activated.';
COMMENT ON COLUMN pulse.waiting.error IS 'Last error.';
COMMENT ON COLUMN pulse.waiting.run_status IS 'paused, or pending for a run that is under way.';
COMMENT ON COLUMN pulse.waiting.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.waiting.version IS 'Version of the workflow.';
COMMENT ON COLUMN pulse.waiting.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.failed_runs WITH (security_barrier) AS
SELECT
	r.id AS run,
	r.workflow AS workflow,
	r.version AS version,
	r.tenant AS tenant,
	r.status::text AS status,
	r.error ->> 'node' AS node,
	r.error ->> 'class' AS class,
	r.error ->> 'message' AS message,
	r.error AS error,
	r.labels AS labels,
	r.submitted_at AS submitted_at,
	r.ended_at AS ended_at
FROM _pulse.run r
WHERE r.status IN ('failed', 'timed_out', 'quarantined')
	AND (r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants())));
COMMENT ON VIEW pulse.failed_runs IS 'Runs that failed, ran out of time or are quarantined.';
COMMENT ON COLUMN pulse.failed_runs.run IS 'The run.';
COMMENT ON COLUMN pulse.failed_runs.workflow IS 'Its workflow.';
COMMENT ON COLUMN pulse.failed_runs.version IS 'Version of the workflow.';
COMMENT ON COLUMN pulse.failed_runs.tenant IS 'Its tenant.';
COMMENT ON COLUMN pulse.failed_runs.status IS 'failed, timed_out or quarantined.';
COMMENT ON COLUMN pulse.failed_runs.node IS 'Node that failed.';
COMMENT ON COLUMN pulse.failed_runs.class IS 'Class of the error.';
COMMENT ON COLUMN pulse.failed_runs.message IS 'Message of the error.';
COMMENT ON COLUMN pulse.failed_runs.error IS 'The error in full.';
COMMENT ON COLUMN pulse.failed_runs.labels IS 'Labels, as submitted.';
COMMENT ON COLUMN pulse.failed_runs.submitted_at IS 'When it was submitted.';
COMMENT ON COLUMN pulse.failed_runs.ended_at IS 'When it ended.';

CREATE VIEW pulse.rewrites WITH (security_barrier) AS
SELECT
	g.run AS run,
	g.id AS rewrite,
	g.revision AS revision,
	g.form::text AS form,
	CASE
		WHEN g.revision IS NULL THEN 'rejected'
		WHEN g.form IN ('choose', 'map', 'repeat') THEN 'lowered'
		ELSE 'admitted'
	END AS state,
	g.anchor AS anchor,
	g.activation AS activation,
	g.attempt AS attempt,
	g.at AS at,
	g.rewrite AS proposal,
	g.detail AS detail,
	g.output AS output,
	g.cost AS cost,
	g.budget_before AS budget_before,
	g.budget_after AS budget_after,
	g.code AS code,
	g.reason AS reason,
	g.errors AS errors,
	g.exceeded AS exceeded,
	g.hash AS hash,
	CASE WHEN g.revision IS NOT NULL AND pg_catalog.jsonb_typeof(g.rewrite -> 'fragment' -> 'nodes') = 'object'
		THEN ARRAY(SELECT g.anchor || ':' || k.id
			FROM pg_catalog.jsonb_object_keys(g.rewrite -> 'fragment' -> 'nodes') AS k(id)
			ORDER BY k.id COLLATE "C")
	END AS nodes,
	r.workflow AS workflow,
	r.tenant AS tenant
FROM _pulse.rewrite g JOIN _pulse.run r ON r.id = g.run
WHERE r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants()));
COMMENT ON VIEW pulse.rewrites IS 'How graphs of runs have grown: rewrites that were proposed, admitted or not, and composite nodes that were lowered.';
COMMENT ON COLUMN pulse.rewrites.run IS 'The run.';
COMMENT ON COLUMN pulse.rewrites.rewrite IS 'Number within the run, in order of time.';
COMMENT ON COLUMN pulse.rewrites.revision IS 'Revision of the graph that it made; NULL: rejected.';
COMMENT ON COLUMN pulse.rewrites.form IS 'replace, retain, append, reject (the host gave up what it was doing), choose, map or repeat.';
COMMENT ON COLUMN pulse.rewrites.state IS 'admitted, rejected, or lowered: written by the author of the workflow, so nobody was asked.';
COMMENT ON COLUMN pulse.rewrites.anchor IS 'Node that proposed it, or was lowered.';
COMMENT ON COLUMN pulse.rewrites.activation IS 'Activation that proposed it.';
COMMENT ON COLUMN pulse.rewrites.attempt IS 'Attempt that proposed it; NULL: no host was called.';
COMMENT ON COLUMN pulse.rewrites.at IS 'When.';
COMMENT ON COLUMN pulse.rewrites.proposal IS 'The rewrite, as proposed.';
COMMENT ON COLUMN pulse.rewrites.detail IS 'Lowered: the branch, the items or the round.';
COMMENT ON COLUMN pulse.rewrites.output IS 'Output that came with the proposal.';
COMMENT ON COLUMN pulse.rewrites.cost IS 'What it costs of each dimension of the budget.';
COMMENT ON COLUMN pulse.rewrites.budget_before IS 'What was left then.';
COMMENT ON COLUMN pulse.rewrites.budget_after IS 'What was left after it.';
COMMENT ON COLUMN pulse.rewrites.code IS 'Why it was rejected: rewrite_invalid, budget_exceeded or rejected_by_host.';
COMMENT ON COLUMN pulse.rewrites.reason IS 'What the host said, if it was the one who rejected.';
COMMENT ON COLUMN pulse.rewrites.errors IS 'What is not valid about it.';
COMMENT ON COLUMN pulse.rewrites.exceeded IS 'Dimensions of the budget that it exceeds, with what is left.';
COMMENT ON COLUMN pulse.rewrites.hash IS 'Hash of the structure of the graph at its revision.';
COMMENT ON COLUMN pulse.rewrites.nodes IS 'Nodes that an admitted rewrite has brought.';
COMMENT ON COLUMN pulse.rewrites.workflow IS 'Workflow of the run.';
COMMENT ON COLUMN pulse.rewrites.tenant IS 'Tenant of the run.';

CREATE VIEW pulse.workflows WITH (security_barrier) AS
SELECT
	w.name AS name,
	w.version AS version,
	w.version IS NOT DISTINCT FROM m.enabled_version AS enabled,
	w.tenant AS tenant,
	m.description AS description,
	m.disabled_reason AS disabled_reason,
	w.graph_hash AS graph_hash,
	w.defaults AS defaults,
	w.created_at AS created_at,
	w.created_by AS created_by
FROM _pulse.workflow w JOIN _pulse.workflow_name m ON m.tenant = w.tenant AND m.name = w.name
WHERE NOT pg_catalog.starts_with(w.name, 'graph:')
	AND (w.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
		OR (SELECT '*' = ANY (pulse.readable_tenants())));
COMMENT ON VIEW pulse.workflows IS 'Versions of workflows.';
COMMENT ON COLUMN pulse.workflows.name IS 'Name of the workflow.';
COMMENT ON COLUMN pulse.workflows.version IS 'Version.';
COMMENT ON COLUMN pulse.workflows.enabled IS 'Whether submit takes this version.';
COMMENT ON COLUMN pulse.workflows.tenant IS 'Tenant it belongs to.';
COMMENT ON COLUMN pulse.workflows.description IS 'What it is for.';
COMMENT ON COLUMN pulse.workflows.disabled_reason IS 'Why no runs are accepted.';
COMMENT ON COLUMN pulse.workflows.graph_hash IS 'Hash of the structure of its graph.';
COMMENT ON COLUMN pulse.workflows.defaults IS 'What submit takes where it is given nothing.';
COMMENT ON COLUMN pulse.workflows.created_at IS 'When this version was defined.';
COMMENT ON COLUMN pulse.workflows.created_by IS 'Who defined it.';

CREATE VIEW pulse.hosts WITH (security_barrier) AS
SELECT
	h.name AS name,
	h.url AS url,
	h.credential AS credential,
	h.tenant AS tenant,
	h.networks AS networks,
	h.timeout AS timeout,
	h.max_in_flight AS max_in_flight,
	h.rate_limit AS rate,
	h.rate_period AS rate_period,
	h.allow_http AS allow_http,
	h.ca_file AS ca_file,
	h.disabled_reason AS disabled_reason,
	h.changed_at AS changed_at
FROM _pulse.host h
WHERE CASE WHEN h.tenant IS NULL
		THEN (SELECT pg_catalog.cardinality(pulse.readable_tenants()) > 0)
		ELSE h.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
			OR (SELECT '*' = ANY (pulse.readable_tenants()))
		END;
COMMENT ON VIEW pulse.hosts IS 'Registered hosts: those of everybody and those of the tenants one may read.';
COMMENT ON COLUMN pulse.hosts.name IS 'Name of the host.';
COMMENT ON COLUMN pulse.hosts.url IS 'Where calls are sent.';
COMMENT ON COLUMN pulse.hosts.credential IS 'Name of its credential.';
COMMENT ON COLUMN pulse.hosts.tenant IS 'Tenant it is for; NULL: all.';
COMMENT ON COLUMN pulse.hosts.networks IS 'Networks, beyond public addresses, that it may be in.';
COMMENT ON COLUMN pulse.hosts.timeout IS 'Time for one attempt, unless action or node say otherwise.';
COMMENT ON COLUMN pulse.hosts.max_in_flight IS 'Calls at once, of all workers of the database together.';
COMMENT ON COLUMN pulse.hosts.rate IS 'Calls per rate_period.';
COMMENT ON COLUMN pulse.hosts.rate_period IS 'See rate.';
COMMENT ON COLUMN pulse.hosts.allow_http IS 'Whether plain http is allowed beyond loopback.';
COMMENT ON COLUMN pulse.hosts.ca_file IS 'Certificates it is checked against, if not the system''s.';
COMMENT ON COLUMN pulse.hosts.disabled_reason IS 'Why nothing is sent to it.';
COMMENT ON COLUMN pulse.hosts.changed_at IS 'When its registration last changed.';

CREATE VIEW pulse.actions WITH (security_barrier) AS
SELECT
	a.name AS name,
	a.host AS host,
	a.version AS version,
	a.timeout AS timeout,
	a.retry AS retry,
	a.repeatable AS repeatable,
	a.read_only AS read_only,
	a.replay_safe AS replay_safe,
	a.description AS description,
	h.tenant AS tenant,
	a.changed_at AS changed_at
FROM _pulse.action a JOIN _pulse.host h ON h.name = a.host
WHERE CASE WHEN h.tenant IS NULL
		THEN (SELECT pg_catalog.cardinality(pulse.readable_tenants()) > 0)
		ELSE h.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
			OR (SELECT '*' = ANY (pulse.readable_tenants()))
		END;
COMMENT ON VIEW pulse.actions IS 'Registered actions of the hosts one may see.';
COMMENT ON COLUMN pulse.actions.name IS 'Name of the action.';
COMMENT ON COLUMN pulse.actions.host IS 'Host that executes it.';
COMMENT ON COLUMN pulse.actions.version IS 'Version asked for.';
COMMENT ON COLUMN pulse.actions.timeout IS 'Time for one attempt, unless the node says otherwise.';
COMMENT ON COLUMN pulse.actions.retry IS 'Retry policy of nodes that have none.';
COMMENT ON COLUMN pulse.actions.repeatable IS 'Whether a call whose outcome is unknown may be repeated.';
COMMENT ON COLUMN pulse.actions.read_only IS 'Whether it changes nothing.';
COMMENT ON COLUMN pulse.actions.replay_safe IS 'Whether a replay may call it.';
COMMENT ON COLUMN pulse.actions.description IS 'What it does.';
COMMENT ON COLUMN pulse.actions.tenant IS 'Tenant of its host; NULL: all.';
COMMENT ON COLUMN pulse.actions.changed_at IS 'When its registration last changed.';

CREATE VIEW pulse.stat_now WITH (security_barrier) AS
SELECT
	r.tenant AS tenant,
	r.status AS status,
	pg_catalog.count(*) AS runs,
	pg_catalog.min(r.submitted_at) AS oldest
FROM (SELECT r.tenant, r.submitted_at, CASE
			WHEN r.status <> 'pending' THEN r.status::text
			WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'running') THEN 'running'
			WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'waiting') THEN 'waiting'
			WHEN r.started_at IS NULL AND NOT EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id) THEN 'pending'
			ELSE 'running'
		END AS status
	FROM _pulse.run r
	WHERE r.status IN ('pending', 'paused', 'quarantined')
		AND (r.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
			OR (SELECT '*' = ANY (pulse.readable_tenants())))) r
GROUP BY r.tenant, r.status;
COMMENT ON VIEW pulse.stat_now IS 'Live runs, counted by tenant and status; reads all runs.';
COMMENT ON COLUMN pulse.stat_now.tenant IS 'Tenant.';
COMMENT ON COLUMN pulse.stat_now.status IS 'pending, running, waiting, paused or quarantined.';
COMMENT ON COLUMN pulse.stat_now.runs IS 'How many.';
COMMENT ON COLUMN pulse.stat_now.oldest IS 'When the oldest of them was submitted.';

CREATE VIEW pulse.stat_workers WITH (security_barrier) AS
SELECT
	w.worker AS worker,
	w.workers AS workers,
	w.pid AS pid,
	w.state AS state,
	w.started_at AS started_at,
	w.state_since AS state_since,
	w.last_batch_at AS last_batch_at,
	w.last_batch AS last_batch,
	w.wakeups AS wakeups,
	w.polls AS polls,
	w.batches AS batches,
	w.facts AS facts,
	w.nodes AS nodes,
	w.calls AS calls,
	w.errors AS errors,
	w.in_flight AS in_flight,
	w.queued AS queued,
	w.cached_runs AS cached_runs,
	w.reason AS reason
FROM _pulse.worker_stats() w;
COMMENT ON VIEW pulse.stat_workers IS 'Workers of this database and what they have done since they started; for those who may read all tenants.';
COMMENT ON COLUMN pulse.stat_workers.worker IS 'Number of the worker.';
COMMENT ON COLUMN pulse.stat_workers.workers IS 'Of how many.';
COMMENT ON COLUMN pulse.stat_workers.pid IS 'Process id.';
COMMENT ON COLUMN pulse.stat_workers.state IS 'What it is doing.';
COMMENT ON COLUMN pulse.stat_workers.started_at IS 'When it started.';
COMMENT ON COLUMN pulse.stat_workers.state_since IS 'Since when it does that.';
COMMENT ON COLUMN pulse.stat_workers.last_batch_at IS 'When its last batch ended.';
COMMENT ON COLUMN pulse.stat_workers.last_batch IS 'How long that took.';
COMMENT ON COLUMN pulse.stat_workers.wakeups IS 'Times it left its wait.';
COMMENT ON COLUMN pulse.stat_workers.polls IS 'Safety polls among them.';
COMMENT ON COLUMN pulse.stat_workers.batches IS 'Transactions.';
COMMENT ON COLUMN pulse.stat_workers.facts IS 'Facts folded.';
COMMENT ON COLUMN pulse.stat_workers.nodes IS 'Nodes that ended.';
COMMENT ON COLUMN pulse.stat_workers.calls IS 'Calls sent to hosts.';
COMMENT ON COLUMN pulse.stat_workers.errors IS 'Batches that failed.';
COMMENT ON COLUMN pulse.stat_workers.in_flight IS 'Calls under way.';
COMMENT ON COLUMN pulse.stat_workers.queued IS 'Calls that wait for a free slot.';
COMMENT ON COLUMN pulse.stat_workers.cached_runs IS 'Runs in its memory.';
COMMENT ON COLUMN pulse.stat_workers.reason IS 'Why it does nothing, or its last error.';

CREATE VIEW pulse.stat_hosts WITH (security_barrier) AS
SELECT
	h.name AS host,
	s.worker AS worker,
	coalesce(s.circuit, 'closed') AS circuit,
	s.reason AS reason,
	s.opened_at AS opened_at,
	s.retry_at AS retry_at,
	s.throttled_until AS throttled_until,
	CASE WHEN (SELECT '*' = ANY (pulse.readable_tenants())) THEN s.failures END AS failures
FROM _pulse.host h LEFT JOIN _pulse.host_state s ON s.host = h.name
WHERE CASE WHEN h.tenant IS NULL
		THEN (SELECT pg_catalog.cardinality(pulse.readable_tenants()) > 0)
		ELSE h.tenant = ANY ((SELECT pulse.readable_tenants())::text[])
			OR (SELECT '*' = ANY (pulse.readable_tenants()))
		END;
COMMENT ON VIEW pulse.stat_hosts IS 'What each worker has learned of each host.';
COMMENT ON COLUMN pulse.stat_hosts.host IS 'The host.';
COMMENT ON COLUMN pulse.stat_hosts.worker IS 'The worker; NULL: none has learned anything.';
COMMENT ON COLUMN pulse.stat_hosts.circuit IS 'closed, or open: nothing is sent until retry_at.';
COMMENT ON COLUMN pulse.stat_hosts.reason IS 'Why it is open.';
COMMENT ON COLUMN pulse.stat_hosts.opened_at IS 'Since when.';
COMMENT ON COLUMN pulse.stat_hosts.retry_at IS 'When it is tried again.';
COMMENT ON COLUMN pulse.stat_hosts.throttled_until IS 'The host asked for silence until then.';
COMMENT ON COLUMN pulse.stat_hosts.failures IS 'Failures in a row; for those who may read all tenants.';
