"""Which upstream, in which order?"""
