"""
Tasks without physics: thousands of episodes in seconds, for demonstrations to learn from.

Arms are where they are commanded to be, nothing collides. numpy only.
"""
