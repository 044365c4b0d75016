"""What did it cost, and who hears of it?"""
