"""`report.html`: what a run found, for people, in one file that needs nothing else."""

from eyeward.evaluate.report.write import FILE_NAME, write_report

__all__ = ["FILE_NAME", "write_report"]
