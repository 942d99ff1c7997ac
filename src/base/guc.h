/*
 * guc.h
 *		Settings of pulse. Defined in _PG_init, preloaded or not.
 *
 * Owns the variables; everybody else only reads them. Strings are never NULL and
 * live until the next reload of the configuration.
 */
#ifndef PULSE_BASE_GUC_H
#define PULSE_BASE_GUC_H

#define PULSE_WORKERS_MAX			64
#define PULSE_TENANT_MAX_BYTES		200

/* Networks that hosts may be in beyond public addresses: CIDR list. */
extern char *pulse_guc_allow_networks;
/* Most facts or runs taken up in one batch. */
extern int	pulse_guc_batch_size;
/* Memory for cached runs and graphs of a worker, in kB. */
extern int	pulse_guc_cache_size;
/* Databases whose workers run: '*' or a list; see pulse_guc_database_listed. */
extern char *pulse_guc_databases;
extern bool pulse_guc_enabled;
extern bool pulse_guc_hold_on_new_timeline;
/* Calls in flight at once, of one worker. */
extern int	pulse_guc_max_in_flight;
/* Bytes of a run's input, a node's output, a host's response. */
extern int	pulse_guc_max_input_bytes;
extern int	pulse_guc_max_output_bytes;
extern int	pulse_guc_max_response_bytes;
/* Safety poll, in ms. */
extern int	pulse_guc_poll_interval;
/* Directory that credentials' files must lie in; empty: no files. */
extern char *pulse_guc_secret_directory;
/* Tenant where a call names none. */
extern char *pulse_guc_tenant;
/* Workers of each database. */
extern int	pulse_guc_workers;

/* Defines all settings and reserves the prefix. Once, from _PG_init. */
extern void pulse_guc_init(void);

/* Whether pulse.databases names this database. */
extern bool pulse_guc_database_listed(const char *name);

/*
 * Whether a credential may be read from this file: it lies in pulse.secret_directory, which is
 * not empty. Asked when the credential is set and each time the file is read.
 */
extern bool pulse_guc_secret_file_allowed(const char *file);

#endif
