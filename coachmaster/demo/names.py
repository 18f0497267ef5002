"""Invented names and addresses of a class in Pune; some are written in Devanagari."""

from typing import NamedTuple


class Region(NamedTuple):
    """Names of one region; ``weight`` is how often they are chosen."""

    weight: int
    girls: list[str]
    boys: list[str]
    mothers: list[str]
    fathers: list[str]
    #: Empty if the father's name is the child's second name.
    families: list[str]


REGIONS = [
    Region(
        30,
        [
            "Aarohi",
            "Ananya",
            "Gauri",
            "Isha",
            "Mrunal",
            "Rutuja",
            "Sai",
            "Sanika",
            "Shruti",
            "Tanvi",
            "Vaishnavi",
            "Swarali",
        ],
        [
            "Aditya",
            "Atharva",
            "Chinmay",
            "Omkar",
            "Pranav",
            "Rohan",
            "Sahil",
            "Shubham",
            "Soham",
            "Tejas",
            "Vedant",
            "Yash",
        ],
        ["Archana", "Manisha", "Pallavi", "Rohini", "Savita", "Sunita", "Ujwala", "Vaishali"],
        ["Anil", "Deepak", "Mahesh", "Nitin", "Prakash", "Rajendra", "Sanjay", "Sunil", "Vijay"],
        [
            "Bhosale",
            "Chavan",
            "Deshmukh",
            "Deshpande",
            "Gaikwad",
            "Jadhav",
            "Joshi",
            "Kale",
            "Kulkarni",
            "More",
            "Patil",
            "Pawar",
            "Shinde",
            "Wagh",
        ],
    ),
    Region(
        22,
        [
            "Aditi",
            "Anjali",
            "Kavya",
            "Khushi",
            "Neha",
            "Nikita",
            "Pooja",
            "Riya",
            "Shreya",
            "Sneha",
        ],
        [
            "Abhishek",
            "Aman",
            "Ankit",
            "Aryan",
            "Harsh",
            "Kartik",
            "Nikhil",
            "Rahul",
            "Shivam",
            "Utkarsh",
            "Vivek",
        ],
        ["Kiran", "Meena", "Poonam", "Rekha", "Sangeeta", "Seema", "Sushma"],
        ["Ajay", "Arvind", "Dinesh", "Manoj", "Pankaj", "Ramesh", "Sudhir", "Vinod"],
        [
            "Agarwal",
            "Chaturvedi",
            "Gupta",
            "Mishra",
            "Pandey",
            "Rathore",
            "Sharma",
            "Shukla",
            "Singh",
            "Srivastava",
            "Tiwari",
            "Verma",
            "Yadav",
        ],
    ),
    Region(
        9,
        ["Dhruvi", "Hetal", "Janki", "Krupa", "Mansi", "Nidhi"],
        ["Dhruv", "Harshil", "Jay", "Kunal", "Meet", "Parth"],
        ["Bhavna", "Hansa", "Jyoti", "Nayna"],
        ["Bharat", "Hitesh", "Jayesh", "Ketan", "Paresh"],
        ["Desai", "Mehta", "Modi", "Patel", "Shah", "Trivedi", "Vora"],
    ),
    Region(
        8,
        ["Dhivya", "Keerthana", "Meenakshi", "Nandhini", "Pavithra", "Yazhini"],
        ["Arun", "Bharath", "Gokul", "Karthik", "Praveen", "Sanjeev"],
        ["Kalaivani", "Lakshmi", "Revathi", "Usha"],
        ["Balasubramanian", "Murugan", "Narayanan", "Selvam", "Sundaram"],
        [],
    ),
    Region(
        7,
        ["Bhavya", "Harika", "Lasya", "Sahithi", "Sravani"],
        ["Charan", "Eswar", "Pavan", "Sai", "Teja"],
        ["Padmavathi", "Sujatha", "Swarna", "Vijaya"],
        ["Koteswara", "Prasad", "Ramana", "Srinivas", "Venkat"],
        ["Chowdary", "Naidu", "Rao", "Reddy", "Varma", "Yerramilli"],
    ),
    Region(
        5,
        ["Akshata", "Bhoomika", "Chaitra", "Deepthi", "Spoorthi"],
        ["Basavaraj", "Darshan", "Gagan", "Manjunath", "Sudeep"],
        ["Geetha", "Mamatha", "Shobha", "Sumangala"],
        ["Girish", "Nagaraj", "Raghavendra", "Shivakumar"],
        ["Gowda", "Hegde", "Hiremath", "Kamath", "Patil", "Shetty"],
    ),
    Region(
        4,
        ["Anagha", "Devika", "Malavika", "Sreelakshmi"],
        ["Abhijith", "Gautham", "Jithin", "Vishnu"],
        ["Bindu", "Latha", "Sindhu"],
        ["Ajith", "Pradeep", "Santhosh", "Suresh"],
        ["Kurup", "Menon", "Nair", "Panicker", "Thomas", "Varghese"],
    ),
    Region(
        5,
        ["Debolina", "Ishita", "Oindrila", "Paromita"],
        ["Arnab", "Debjit", "Ritwik", "Sayan"],
        ["Mitali", "Moushumi", "Sharmila"],
        ["Ashim", "Biswajit", "Partha", "Subrata"],
        ["Banerjee", "Bose", "Chatterjee", "Das", "Ghosh", "Mukherjee", "Sen"],
    ),
    Region(
        4,
        ["Gurleen", "Harpreet", "Jasleen", "Simran"],
        ["Arshdeep", "Gurpreet", "Harman", "Manveer"],
        ["Baljit", "Manjit", "Parminder"],
        ["Balwinder", "Harjinder", "Kulwant", "Surinder"],
        ["Arora", "Bedi", "Gill", "Kaur Sandhu", "Sandhu", "Sidhu"],
    ),
    Region(
        7,
        ["Aisha", "Alfiya", "Fatima", "Mehak", "Sana", "Zoya"],
        ["Arbaaz", "Faizan", "Imran", "Rehan", "Salman", "Zaid"],
        ["Nasreen", "Rukhsana", "Shabana", "Tasneem"],
        ["Asif", "Iqbal", "Javed", "Nadeem", "Rafiq"],
        ["Ansari", "Attar", "Inamdar", "Khan", "Mulla", "Pathan", "Qureshi", "Shaikh", "Sayyed"],
    ),
    Region(
        3,
        ["Alisha", "Jennifer", "Nicole"],
        ["Aaron", "Joel", "Ryan"],
        ["Agnes", "Maria", "Rita"],
        ["Anthony", "Francis", "Xavier"],
        ["D'Souza", "Fernandes", "Lobo", "Pereira", "Pinto"],
    ),
    Region(
        2,
        ["Lalrinpuii", "Nangsel", "Tenzin"],
        ["Bhaichung", "Lalthanga", "Temjen"],
        ["Chubala", "Zothanpuii"],
        ["Imchen", "Lalbiak"],
        ["Ao", "Hmar", "Jamir", "Lepcha", "Ralte"],
    ),
    Region(
        6,
        ["अनुष्का", "ऋतुजा", "ज्ञानेश्वरी", "श्रावणी", "क्षितिजा"],
        ["अथर्व", "ओंकार", "ज्ञानेश", "कृष्णा", "श्रेयस"],
        ["अर्चना", "सुनीता", "वैशाली"],
        ["प्रकाश", "राजेंद्र", "संजय"],
        ["कुलकर्णी", "गायकवाड", "जाधव", "देशपांडे", "पाटील", "शिंदे"],
    ),
]

AREAS = [
    ("Kothrud", "411038"),
    ("Karve Nagar", "411052"),
    ("Warje", "411058"),
    ("Bavdhan", "411021"),
    ("Aundh", "411007"),
    ("Baner", "411045"),
    ("Shivajinagar", "411005"),
    ("Sadashiv Peth", "411030"),
    ("Sinhagad Road", "411051"),
    ("Hadapsar", "411028"),
    ("Kondhwa", "411048"),
    ("Camp", "411001"),
]
HOUSES = [
    "Sai Niwas",
    "Shree Apartments",
    "Gulmohar Society",
    "Green Park",
    "Swapnapurti Heights",
    "Rohan Residency",
]

INSTRUCTORS = [
    "Kavita Deshmukh",
    "Farhan Shaikh",
    "Meera Krishnan",
    "Rajesh Chatterjee",
    "Harpreet Gill",
    "Sunanda Kulkarni",
]


def phone(rng):
    """Return an Indian mobile number that nobody has."""
    return f"{rng.choice('789')}0000{rng.randrange(100_000):05d}"


def family(rng):
    region = rng.choices(REGIONS, [region.weight for region in REGIONS])[0]
    first = rng.choice(region.girls if rng.random() < 0.47 else region.boys)
    father = rng.choice(region.fathers)
    surname = rng.choice(region.families or [father])
    guardian = father if rng.random() < 0.7 else rng.choice(region.mothers)
    return f"{first} {surname}", guardian if guardian == surname else f"{guardian} {surname}"


def address(rng):
    area, pin = rng.choice(AREAS)
    return f"{rng.randrange(1, 40)}, {rng.choice(HOUSES)}, {area}\nPune {pin}"
