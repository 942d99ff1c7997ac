-- What the tables hold, and what their states mean.

COMMENT ON TABLE _pulse.stamp IS 'Identity of the cluster and database that the runs belong to: tells a copy from the original.';
COMMENT ON TABLE _pulse.workflow_name IS 'Workflows by name: their enabled version.';
COMMENT ON TABLE _pulse.workflow IS 'Versions of workflows; rows never change.';
COMMENT ON TABLE _pulse.run IS 'Runs; inserted by submit, changed by the owner of their part only.';
COMMENT ON TABLE _pulse.node IS 'Nodes that have left pending.';
COMMENT ON TABLE _pulse.attempt IS 'Attempts that did not succeed.';
COMMENT ON TABLE _pulse.rewrite IS 'How the graphs of runs have grown: rewrites, admitted or not, and composite nodes that were lowered.';
COMMENT ON TABLE _pulse.timer IS 'One row for each due time ahead.';
COMMENT ON TABLE _pulse.inbox IS 'Facts for the owner of a part, deleted when they are folded.';
COMMENT ON TABLE _pulse.signal IS 'Signals, kept for the life of their run.';
COMMENT ON TABLE _pulse.log IS 'Log lines of hosts, engine and operators.';
COMMENT ON TABLE _pulse.credential IS 'Secrets of hosts; read by the workers only, in no dump.';
COMMENT ON TABLE _pulse.host IS 'Registered hosts.';
COMMENT ON TABLE _pulse.action IS 'Registered actions.';
COMMENT ON TABLE _pulse.host_state IS 'Circuits and throttles, as each worker sees them.';
COMMENT ON TABLE _pulse.access IS 'Levels of roles, and the tenants they hold for.';
COMMENT ON TABLE _pulse.part IS 'The 64 parts: who owns each, and what the owner remembers.';
COMMENT ON TABLE _pulse.strike IS 'Runs whose processing has failed, on the way to quarantine.';

COMMENT ON DOMAIN _pulse.run_status IS 'Status of a run, as stored; running and waiting are derived.';
COMMENT ON DOMAIN _pulse.node_status IS 'Status of a node.';
COMMENT ON DOMAIN _pulse.attempt_outcome IS 'How an attempt ended that did not succeed.';
COMMENT ON DOMAIN _pulse.timer_kind IS 'What a due time is for.';
COMMENT ON DOMAIN _pulse.growth_form IS 'What a graph has grown by.';
COMMENT ON DOMAIN _pulse.inbox_kind IS 'Facts that people, or other runs, send.';
COMMENT ON DOMAIN _pulse.signal_state IS 'What has become of a signal.';
COMMENT ON DOMAIN _pulse.log_level IS 'Severity of a log line; operator marks what a person did.';
