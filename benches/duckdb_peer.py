"""The conditions of a file as one DuckDB query; ends with 9 where there is no DuckDB."""

import json
import sys
import time

try:
    import duckdb
except ImportError:
    sys.exit(9)

wanted = json.load(open(sys.argv[1], encoding="utf-8"))
connection = duckdb.connect()
connection.execute(f"set threads = {int(wanted['threads'])}")
sums = ", ".join(f"coalesce(sum(case when {it} then 1 else 0 end), 0)" for it in wanted["conditions"])
started = time.perf_counter()
row = connection.execute(f"select {sums} from read_parquet(?)", [wanted["data"]]).fetchone()
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "hits": [int(it) for it in row]}))
