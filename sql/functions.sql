-- The functions that the transformations share. Values arrive as the vendor's text and leave typed, or null.

-- A finite number: digits, an optional fraction and exponent, and nothing else.
create or replace temp macro number(value) as
    case when regexp_full_match(value, '-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,4})?')
         and isfinite(try_cast(value as double))
    then try_cast(value as double) end;

-- A moment in UTC: ISO 8601 with a date, a time and a zone.
create or replace temp macro moment(value) as
    case when regexp_full_match(value, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})')
    then try_cast(value as timestamptz) end;

-- What to say of a value that should have been a number; null where it is one, or is missing.
create or replace temp macro not_a_number(what, value) as
    case when value is not null and number(value) is null then what || ' is not a number: ''' || value || '''' end;
