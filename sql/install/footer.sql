-- What pg_dump keeps: every table with state, and every sequence behind an identity column, so that a
-- restored database has its models and goes on numbering where it was.
SELECT pg_catalog.pg_extension_config_dump('behavmine.source', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.model', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.model_model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.version', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.tensor', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.code', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.deployment', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.deployment_deployment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.refresh', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.rule', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.rule_rule_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.trial', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.job', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.job_job_id_seq', '');
