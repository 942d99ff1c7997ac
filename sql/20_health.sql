-- Health and rights.

CREATE FUNCTION pulse.version() RETURNS text
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_version';
COMMENT ON FUNCTION pulse.version() IS
	'Version of the library that serves this session.';

CREATE FUNCTION pulse.doctor(OUT item text, OUT ok boolean, OUT detail text, OUT hint text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_doctor';
COMMENT ON FUNCTION pulse.doctor() IS
	'What is in order and what keeps the engine from its work, with what to do about it. Level admin.';

CREATE FUNCTION pulse.adopt(reason text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_adopt';
COMMENT ON FUNCTION pulse.adopt(text) IS
	'Lets the engine work in this copy of a database, with the runs that are in it. False if it is no copy. Level admin.';

CREATE FUNCTION pulse.readable_tenants() RETURNS text[]
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_readable_tenants';
COMMENT ON FUNCTION pulse.readable_tenants() IS
	'Tenants whose objects the current user may read; {*} stands for all of them.';

CREATE FUNCTION pulse.grant_access(role regrole, level text, tenants text[] DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_grant_access';
COMMENT ON FUNCTION pulse.grant_access(regrole, text, text[]) IS
	'Gives a role a level (read, submit, author, host, admin) in some tenants, or in all of them. False if it had just that. Level admin.';

CREATE FUNCTION pulse.revoke_access(role regrole, level text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_revoke_access';
COMMENT ON FUNCTION pulse.revoke_access(regrole, text) IS
	'Takes a level from a role, or all levels. False if it had none. Level admin.';

CREATE FUNCTION _pulse.install_check() RETURNS void
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_install_check';
COMMENT ON FUNCTION _pulse.install_check() IS
	'Called once by CREATE EXTENSION: refuses databases that pulse cannot work in.';

CREATE FUNCTION _pulse.worker_stats(
	OUT worker integer, OUT workers integer, OUT pid integer, OUT state text,
	OUT started_at timestamptz, OUT state_since timestamptz, OUT last_batch_at timestamptz,
	OUT last_batch interval, OUT wakeups bigint, OUT polls bigint, OUT batches bigint,
	OUT facts bigint, OUT nodes bigint, OUT calls bigint, OUT errors bigint,
	OUT in_flight integer, OUT queued integer, OUT cached_runs integer, OUT reason text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_worker_stats';
COMMENT ON FUNCTION _pulse.worker_stats() IS
	'Rows of pulse.stat_workers; none for those who may not read all tenants.';
