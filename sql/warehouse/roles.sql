-- The two roles, made by an administrator before the first migration; the embedded server runs this by itself.
-- `crypto_writer` owns the databases `crypto` and `dagster`; `crypto_reader` may only read `crypto`.
do $$
begin
    if not exists (select from pg_roles where rolname = 'crypto_writer') then
        create role crypto_writer login;
    end if;
    if not exists (select from pg_roles where rolname = 'crypto_reader') then
        create role crypto_reader login;
    end if;
end
$$;

alter role crypto_writer set timezone = 'UTC';
alter role crypto_reader set timezone = 'UTC';
alter role crypto_reader set default_transaction_read_only = on;
