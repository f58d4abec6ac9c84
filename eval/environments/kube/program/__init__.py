"""What runs in the twin's containers: one program, standard library only (Python 3.11 or newer).

It plays whichever part of an app its container is for. `eval.environments.kube.bundle` packs it,
with what it shares with the emulator: the app's model and the languages' log layouts.
"""
