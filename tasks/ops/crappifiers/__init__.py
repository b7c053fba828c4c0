"""What can be wrong with a picture: a file for each defect, a pure function of image, generator and parameters.

All have one signature: `(h, w, 3)` uint8 RGB in, a new array of the same kind out, and the given one is never changed.
`catalogue.py` lists them by name.
"""
