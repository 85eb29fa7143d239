"""What jobs would otherwise do again and again is done before their processes are forked."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from rockonweb import config, create_app
from rockonweb.work import roles, warm_up
with create_app(config.load_config({"ROCKONWEB_INSTANCE": sys.argv[1]})).app_context():
    warm_up.warm_up()
there = {*sys.modules}
import rockonweb.jobs
print(sorted({*sys.modules} - there))
"""


def test_a_job_imports_nothing_that_its_worker_has_not(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
