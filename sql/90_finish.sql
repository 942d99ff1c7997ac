-- What a dump takes along, and what nobody may do unasked.
--
-- Left out: part, timer, strike and host_state, which are rebuilt, and credential,
-- because no secret goes into a dump.

SELECT pg_catalog.pg_extension_config_dump('_pulse.stamp', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.workflow_name', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.workflow', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.run', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.node', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.attempt', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.rewrite', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.inbox', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.inbox_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.signal', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.signal_seq_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.log', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.log_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.host', '');
SELECT pg_catalog.pg_extension_config_dump('_pulse.action', '');
-- a role that is gone would come back as a number, which may be somebody else there
SELECT pg_catalog.pg_extension_config_dump('_pulse.access',
	'WHERE role::pg_catalog.oid IN (SELECT r.oid FROM pg_catalog.pg_roles r)');

REVOKE ALL ON ALL TABLES IN SCHEMA _pulse, pulse FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA _pulse FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA _pulse, pulse FROM PUBLIC;

SELECT _pulse.install_check();
