-- Hosts, their actions, their credentials.

CREATE FUNCTION pulse.register_host(
	name text,
	url text,
	credential text DEFAULT NULL,
	networks cidr[] DEFAULT NULL,
	timeout interval DEFAULT NULL,
	max_in_flight integer DEFAULT NULL,
	rate integer DEFAULT NULL,
	rate_period interval DEFAULT NULL,
	allow_http boolean DEFAULT false,
	tenant text DEFAULT NULL,
	ca_file text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_register_host';
COMMENT ON FUNCTION pulse.register_host(text, text, text, cidr[], interval, integer, integer, interval, boolean, text, text) IS
	'Registers a host that executes actions. False if just this is registered already. Level admin.';

CREATE FUNCTION pulse.alter_host(
	name text,
	url text DEFAULT NULL,
	credential text DEFAULT NULL,
	networks cidr[] DEFAULT NULL,
	timeout interval DEFAULT NULL,
	max_in_flight integer DEFAULT NULL,
	rate integer DEFAULT NULL,
	rate_period interval DEFAULT NULL,
	allow_http boolean DEFAULT NULL,
	tenant text DEFAULT NULL,
	ca_file text DEFAULT NULL,
	enable boolean DEFAULT NULL,
	reason text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_alter_host';
COMMENT ON FUNCTION pulse.alter_host(text, text, text, cidr[], interval, integer, integer, interval, boolean, text, text, boolean, text) IS
	'Changes what is given, leaves what is NULL; an empty text, or a rate of 0, takes a setting away. enable => false lets its activations wait. Level admin.';

CREATE FUNCTION pulse.drop_host(name text, if_exists boolean DEFAULT false) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_drop_host';
COMMENT ON FUNCTION pulse.drop_host(text, boolean) IS
	'Removes a host that has no actions. Level admin.';

CREATE FUNCTION pulse.register_action(
	name text,
	host text,
	version text DEFAULT NULL,
	timeout interval DEFAULT NULL,
	retry jsonb DEFAULT NULL,
	repeatable boolean DEFAULT true,
	read_only boolean DEFAULT false,
	replay_safe boolean DEFAULT false,
	description text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_register_action';
COMMENT ON FUNCTION pulse.register_action(text, text, text, interval, jsonb, boolean, boolean, boolean, text) IS
	'Says which host executes an action, and how it may be called; registering it again replaces that. False if nothing changes. Level admin.';

CREATE FUNCTION pulse.drop_action(name text, if_exists boolean DEFAULT false) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_drop_action';
COMMENT ON FUNCTION pulse.drop_action(text, boolean) IS
	'Removes an action; nodes that name it wait until it is registered again. Level admin.';

CREATE FUNCTION pulse.set_credential(name text, kind text, secret text DEFAULT NULL, file text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_set_credential';
COMMENT ON FUNCTION pulse.set_credential(text, text, text, text) IS
	'Sets a credential of kind hmac or bearer, given here or kept in a file of the server. Nobody can read it back. Level admin.';

CREATE FUNCTION pulse.drop_credential(name text, kind text DEFAULT NULL, if_exists boolean DEFAULT false)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_drop_credential';
COMMENT ON FUNCTION pulse.drop_credential(text, text, boolean) IS
	'Removes a credential that no host uses, or one kind of it. Level admin.';
