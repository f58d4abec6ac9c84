"""Other methods on the same cases, each reduced to what it looks at and how it decides.

A method gets what was read of a case and answers with the suspected workloads or objects, the
worst first; an empty answer means "healthy".
"""
