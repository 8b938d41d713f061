"""Linear relaxation: SOR, SSOR and SSOR-CG, and what is known of their omega."""
