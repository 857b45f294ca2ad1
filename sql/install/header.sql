\echo Use "CREATE EXTENSION behavmine" to load this file. \quit

-- Stored state lives in schema behavmine: plain tables, readable and joinable by whoever is granted.
CREATE SCHEMA behavmine;
COMMENT ON SCHEMA behavmine IS 'State of the extension behavmine: sources, models, weights, deployments, jobs. Example: SELECT * FROM behavmine.version';
