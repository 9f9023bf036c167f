"""One question over history as a DuckDB query; ends with 9 where there is no DuckDB."""

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
started = time.perf_counter()
query = wanted["sql"].replace("DATA", "read_parquet('" + wanted["data"] + "')")
hits = [int(it) for it in connection.execute(query).fetchone()]
print(json.dumps({"seconds": time.perf_counter() - started, "hits": hits}))
