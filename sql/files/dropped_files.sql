-- One row per file that was dropped: as this reading leaves it, or as one that ended meanwhile has left it.
with
told as (
    select 0 as place, * from readings
    union all by name
    select 1 as place, * from held_files
)
select * exclude (place)
from told
-- What was read once is never waiting again.
qualify row_number() over (partition by sha256 order by status = 'read' desc, place) = 1
