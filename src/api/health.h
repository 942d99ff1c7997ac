/*
 * health.h
 *		What keeps the engine from its work.
 */
#ifndef PULSE_API_HEALTH_H
#define PULSE_API_HEALTH_H

typedef struct PulseProblem
{
	const char *item;			/* as doctor names it */
	char	   *detail;			/* a sentence without its full stop */
	char	   *hint;			/* a statement, or what to do; may be NULL */
} PulseProblem;

/* True: nothing moves in this database; *problem says why. */
extern bool pulse_engine_problem(PulseProblem *problem);

#endif
