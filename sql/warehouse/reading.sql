-- What the role crypto_reader may see: everything, now and later, and change nothing. Run by the writer.
grant usage on schema staging, bronze, silver, gold, identity, ops to crypto_reader;
grant select on all tables in schema staging, bronze, silver, gold, identity, ops to crypto_reader;
grant select on public.unified_crypto_data, public.checkpoints to crypto_reader;
alter default privileges in schema staging, bronze, silver, gold, identity, ops, public
    grant select on tables to crypto_reader;
