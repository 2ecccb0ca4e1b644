/**
 * The part that all configurations of Apache httpd share.
 */

/** Runs in the foreground with its files below `path`, and loads the modules of these names. */
export const apacheBase = (path: string, modules: ReadonlyArray<string>): string => `
ServerRoot ${path}
ServerName localhost
PidFile ${path}/apache.pid
ErrorLog ${path}/apache.log
DefaultRuntimeDir ${path}
${["mpm_event", "authz_core", "ssl", ...modules]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join("\n")}
`
