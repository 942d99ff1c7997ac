-- Schemas. "pulse" is what people call, "_pulse" is the state of the engine.
-- Everything is created here and under its full name; nothing is replaced, so an
-- object that somebody has put in the way is an error and is never taken over.

\echo Use "CREATE EXTENSION pulse" to load this file. \quit

CREATE SCHEMA pulse;
CREATE SCHEMA _pulse;
REVOKE ALL ON SCHEMA pulse FROM PUBLIC;
REVOKE ALL ON SCHEMA _pulse FROM PUBLIC;

COMMENT ON SCHEMA pulse IS 'Durable graphs of work: functions to call and views to read.';
COMMENT ON SCHEMA _pulse IS 'State of the engine; read it through the views of schema pulse.';
