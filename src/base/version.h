/*
 * version.h
 *		Version of the library, and the version of the SQL objects it works with.
 *
 * The SQL version is the one of pulse.control; a test compares them.
 */
#ifndef PULSE_BASE_VERSION_H
#define PULSE_BASE_VERSION_H

#define PULSE_VERSION		"0.1.0"
#define PULSE_SQL_VERSION	"0.1.0"

#endif
