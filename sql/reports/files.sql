-- One row per file that was dropped, the newest first: what it was recognised as, and what became of its rows.
select file, status, kind, format, coin, rows, landed, rejected, first_day, last_day, read_at, reason, sha256
from dropped_files
order by read_at desc, file, sha256
