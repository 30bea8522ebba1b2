"""The tests of the binding; `python3 -m unittest` in the folder above runs them."""
